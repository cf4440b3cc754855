import TestSupport
import Testing

@testable import Tensors

/// Dropout, residual and norm in one pass, beside the kernels that do each by itself.
@Suite struct ResidualNormTests {
  /// Texts that end within, at and behind a thread's 64 rows and the 128 rows of a partial sum.
  private static let lengths = [[1], [64, 1], [40, 88, 3], [127, 2, 200, 1, 55]]

  private static func batch(_ lengths: [Int]) -> TokenBatch {
    var batch = TokenBatch()
    for (text, length) in lengths.enumerated() {
      batch.append(
        [Int32](repeating: 0, count: length), keyCount: length, givesVector: [Bool](repeating: true, count: length),
        place: Place(slot: text / 2, text: text % 2))
    }
    return batch
  }

  @Test(arguments: lengths, [0, 0.3] as [Float])
  func hasTheBitsOfEachByItself(lengths: [Int], rate: Float) {
    let batch = Self.batch(lengths)
    let (tokens, width) = (batch.tokenCount, 33)
    let hidden = HiddenDropout(Dropout(rate: rate, seed: 3, step: 5), batch, layer: 2, site: .feedForward)
    var numbers = TestNumbers(seed: 7)
    let rows = TestMatrix(rows: tokens, columns: width, &numbers)
    let residual = TestMatrix(rows: tokens, columns: width, &numbers)
    let upstream = TestMatrix(rows: tokens, columns: width, &numbers)
    let gain = TestMatrix(rows: 1, columns: width, &numbers)
    let bias = TestMatrix(rows: 1, columns: width, &numbers)
    let sums = TestMatrix(rows: 3, columns: width, &numbers)

    func drop(_ matrix: TestMatrix, _ pool: ThreadPool) {
      applyDropout(hidden.dropout, to: matrix.matrix, of: batch, layer: 2, site: .feedForward, on: pool)
    }
    func oneByOne(_ pool: ThreadPool) -> [[Float]] {
      let (x, dy, sums) = (TestMatrix(copying: rows), TestMatrix(copying: upstream), TestMatrix(copying: sums))
      let (deviations, output) = (TestMatrix(zeros: tokens, 1), TestMatrix(zeros: tokens, width))
      drop(x, pool)
      add(residual.matrix, to: x.matrix, on: pool)
      layerNorm(
        x.matrix, gain: gain.matrix, bias: bias.matrix, epsilon: 1e-5, deviations: deviations.matrix,
        into: output.matrix, on: pool)
      layerNormBackward(
        dy.matrix, normalised: x.matrix, gain: gain.matrix, deviations: deviations.matrix, into: dy.matrix,
        gainGradient: sums.matrix.rows(0..<1), biasGradient: sums.matrix.rows(1..<2), on: pool)
      let branch = TestMatrix(copying: dy)
      drop(branch, pool)
      accumulateColumnSums(branch.matrix, into: sums.matrix.rows(2..<3), on: pool)
      return [x, deviations, output, dy, branch, sums].map(\.values)
    }
    func atOnce(_ pool: ThreadPool) -> [[Float]] {
      let (x, dy, sums) = (TestMatrix(copying: rows), TestMatrix(copying: upstream), TestMatrix(copying: sums))
      let (deviations, output) = (TestMatrix(zeros: tokens, 1), TestMatrix(zeros: tokens, width))
      let branch = TestMatrix(zeros: tokens, width)
      residualNorm(
        x.matrix, dropping: hidden, adding: residual.matrix, gain: gain.matrix, bias: bias.matrix, epsilon: 1e-5,
        deviations: deviations.matrix, into: output.matrix, on: pool)
      residualNormBackward(
        dy.matrix, normalised: x.matrix, gain: gain.matrix, deviations: deviations.matrix, dropping: hidden,
        branch: branch.matrix,
        gradients: ResidualNormGradients(
          gain: sums.matrix.rows(0..<1), bias: sums.matrix.rows(1..<2), linearBias: sums.matrix.rows(2..<3)),
        on: pool)
      return [x, deviations, output, dy, branch, sums].map(\.values)
    }

    let expected = oneByOne(ThreadPool(threadCount: 1))
    for threads in [1, 2, 3] {
      for (name, (found, expected)) in zip(
        ["normalised", "deviations", "output", "gradient", "branch", "sums"],
        zip(atOnce(ThreadPool(threadCount: threads)), expected))
      {
        #expect(found.map(\.bitPattern) == expected.map(\.bitPattern), "\(name) on \(threads) threads")
      }
    }
  }

  /// A frozen norm and a linear layer without a bias get no gradients, and the rest is as with them.
  @Test func addsToWhatLearnsAlone() {
    let batch = Self.batch([5, 130])
    let hidden = HiddenDropout(Dropout(rate: 0.1, seed: 1, step: 1), batch, layer: 0, site: .attention)
    var numbers = TestNumbers(seed: 9)
    let normalised = TestMatrix(rows: batch.tokenCount, columns: 8, &numbers)
    let upstream = TestMatrix(rows: batch.tokenCount, columns: 8, &numbers)
    let gain = TestMatrix(rows: 1, columns: 8, &numbers)
    let deviations = TestMatrix(rows: batch.tokenCount, columns: 1, &numbers)
    func gradients(_ gradients: ResidualNormGradients) -> [[Float]] {
      let (dy, branch) = (TestMatrix(copying: upstream), TestMatrix(zeros: batch.tokenCount, 8))
      residualNormBackward(
        dy.matrix, normalised: normalised.matrix, gain: gain.matrix, deviations: deviations.matrix, dropping: hidden,
        branch: branch.matrix, gradients: gradients, on: ThreadPool(threadCount: 1))
      return [dy.values, branch.values]
    }
    let sums = TestMatrix(zeros: 3, 8)
    let all = gradients(
      ResidualNormGradients(
        gain: sums.matrix.rows(0..<1), bias: sums.matrix.rows(1..<2), linearBias: sums.matrix.rows(2..<3)))
    let alone = TestMatrix(zeros: 1, 8)
    #expect(gradients(ResidualNormGradients(gain: nil, bias: nil, linearBias: alone.matrix)) == all)
    #expect(alone.values == sums.matrix.rows(2..<3).values && alone.values.contains { $0 != 0 })
    #expect(gradients(ResidualNormGradients(gain: nil, bias: nil, linearBias: nil)) == all)
  }
}
