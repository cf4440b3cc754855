import TestSupport
import Testing

@testable import Tensors

@Suite struct LayerNormTests {
  /// Around a thread's 64 rows, the 128 rows of a partial sum, the 256 columns of a block and a vector's 8 floats.
  static let shapes =
    [(1, 1), (1, 9), (63, 15), (64, 16), (65, 17), (127, 18), (128, 9), (129, 12), (300, 11), (3, 257)]
    + (1...8).map { (300, $0) }

  @Test(arguments: shapes)
  func agreesWithTheTwin(rows: Int, width: Int) {
    let norm = Example(rows: rows, width: width)
    let (output, gradient) = norm.run(ThreadPool(threadCount: 2))
    var gains = norm.gainGradient.doubles
    var biases = norm.biasGradient.doubles
    norm.accumulate()
    for row in 0..<rows {
      let (input, upstream) = (norm.input.row(row), norm.upstream.row(row))
      let rounded = RoundedNorm(input, gain: norm.gain.doubles, bias: norm.bias.doubles, upstream: upstream)
      let here = row * width..<(row + 1) * width
      #expect(firstOutside(rounded.outputErrors, Array(output[here]), norm.affine(rounded.normalised)) == nil)
      // Steps by the row's own measure: the closer its values, the more the norm bends between them.
      let slopes = pullback(upstream, at: input, step: 1e-5 * rounded.deviation) {
        norm.affine(naiveLayerNorm($0, epsilon: 1e-5))
      }
      #expect(firstOutside(rounded.gradientErrors, Array(gradient[here]), slopes) == nil)
      for i in 0..<width {
        gains[i] += upstream[i] * Double(norm.normalised!.values[row * width + i])
        biases[i] += upstream[i]
      }
    }
    #expect(worstError(norm.gainGradient.values, gains) < 1e-6)
    #expect(worstError(norm.biasGradient.values, biases) < 1e-6)
  }

  @Test func aConstantRowGivesTheBias() {
    let rows = TestMatrix([Float](repeating: 3, count: 12), rows: 2, columns: 6)
    let gain = TestMatrix([Float](repeating: 2, count: 6), rows: 1, columns: 6)
    let bias = TestMatrix([1, 2, 3, 4, 5, 6], rows: 1, columns: 6)
    let deviations = TestMatrix(zeros: 2, 1)
    let output = TestMatrix(zeros: 2, 6)
    layerNorm(
      rows.matrix, gain: gain.matrix, bias: bias.matrix, epsilon: 1e-12, deviations: deviations.matrix,
      into: output.matrix, on: ThreadPool(threadCount: 1))
    #expect(output.values == bias.values + bias.values)
  }

  /// A mean far from zero costs no more accuracy than the input's own rounding: the variance takes two passes.
  @Test func survivesALargeMean() {
    var numbers = TestNumbers(seed: 4)
    let input = TestMatrix(numbers.floats(64).map { 1_000 + $0 }, rows: 1, columns: 64)
    let expected = naiveLayerNorm(input.doubles, epsilon: 1e-5)
    let one = TestMatrix([Float](repeating: 1, count: 64), rows: 1, columns: 64)
    let (zero, deviations, output) = (TestMatrix(zeros: 1, 64), TestMatrix(zeros: 1, 1), TestMatrix(zeros: 1, 64))
    layerNorm(
      input.matrix, gain: one.matrix, bias: zero.matrix, epsilon: 1e-5, deviations: deviations.matrix,
      into: output.matrix, on: ThreadPool(threadCount: 1))
    #expect(worstError(output.values, expected) < 1e-4)
  }

  @Test func aFrozenNormStillPassesTheGradientOn() {
    let norm = Example(rows: 66, width: 9)
    let (_, trained) = norm.run(ThreadPool(threadCount: 1))
    norm.accumulate()
    let into = TestMatrix(copying: norm.upstream)
    layerNormBackward(
      into.matrix, normalised: norm.normalised!.matrix, gain: norm.gain.matrix, deviations: norm.deviations.matrix,
      into: into.matrix, gainGradient: nil, biasGradient: nil, on: ThreadPool(threadCount: 1))
    #expect(bits(into.values) == bits(trained), "in place and frozen gives the same bits")
  }

  /// Everything at 1, 2 and 3 threads, and a row among others and alone.
  @Test func bitsDependNeitherOnThreadsNorOnOtherRows() {
    let runs = [1, 2, 3].map { threads in
      let norm = Example(rows: 300, width: 259)
      let (output, gradient) = norm.run(ThreadPool(threadCount: threads))
      norm.accumulate(ThreadPool(threadCount: threads))
      return [output, gradient, norm.gainGradient.values, norm.biasGradient.values].map(bits)
    }
    #expect(runs[1] == runs[0] && runs[2] == runs[0])
    let norm = Example(rows: 300, width: 259)
    for row in [0, 1, 63, 64, 299] {
      let some = TestMatrix(norm.input.matrix.rows(row..<row + 1).values, rows: 1, columns: 259)
      let (deviations, output) = (TestMatrix(zeros: 1, 1), TestMatrix(zeros: 1, 259))
      layerNorm(
        some.matrix, gain: norm.gain.matrix, bias: norm.bias.matrix, epsilon: 1e-5, deviations: deviations.matrix,
        into: output.matrix, on: ThreadPool(threadCount: 1))
      #expect(bits(output.values) == Array(runs[0][0][row * 259..<(row + 1) * 259]))
    }
  }
}

/// A norm with random everything.
private final class Example {
  let input: TestMatrix
  let gain: TestMatrix
  let bias: TestMatrix
  let upstream: TestMatrix
  let gainGradient: TestMatrix
  let biasGradient: TestMatrix
  let deviations: TestMatrix
  var normalised: TestMatrix?

  init(rows: Int, width: Int) {
    var numbers = TestNumbers(seed: UInt64(rows * 1_000 + width))
    input = TestMatrix(numbers.floats(rows * width).map { $0 * 3 }, rows: rows, columns: width)
    gain = TestMatrix(rows: 1, columns: width, &numbers)
    bias = TestMatrix(rows: 1, columns: width, &numbers)
    upstream = TestMatrix(rows: rows, columns: width, &numbers)
    gainGradient = TestMatrix(rows: 1, columns: width, &numbers)
    biasGradient = TestMatrix(rows: 1, columns: width, &numbers)
    deviations = TestMatrix(zeros: rows, 1)
  }

  func affine(_ normalised: [Double]) -> [Double] {
    normalised.indices.map { normalised[$0] * Double(gain.values[$0]) + Double(bias.values[$0]) }
  }

  /// Forward and backward without parameter gradients: the output and the input's gradient.
  func run(_ pool: ThreadPool) -> (output: [Float], gradient: [Float]) {
    let rows = TestMatrix(copying: input)
    let output = TestMatrix(zeros: input.matrix.rows, input.matrix.columns)
    layerNorm(
      rows.matrix, gain: gain.matrix, bias: bias.matrix, epsilon: 1e-5, deviations: deviations.matrix,
      into: output.matrix, on: pool)
    normalised = rows
    let gradient = TestMatrix(zeros: input.matrix.rows, input.matrix.columns)
    layerNormBackward(
      upstream.matrix, normalised: rows.matrix, gain: gain.matrix, deviations: deviations.matrix,
      into: gradient.matrix, gainGradient: nil, biasGradient: nil, on: pool)
    return (output.values, gradient.values)
  }

  /// Adds the parameters' gradients to what is there.
  func accumulate(_ pool: ThreadPool = ThreadPool(threadCount: 2)) {
    let gradient = TestMatrix(copying: upstream)
    layerNormBackward(
      upstream.matrix, normalised: normalised!.matrix, gain: gain.matrix, deviations: deviations.matrix,
      into: gradient.matrix, gainGradient: gainGradient.matrix, biasGradient: biasGradient.matrix, on: pool)
  }
}

/// One row of a layer norm in double, and how far from it the kernel's roundings may bring output and gradient: what each
/// operation rounds off, carried through those after it; first order in u = 2⁻²⁴, and a thousandth for the rest.
private struct RoundedNorm {
  let normalised: [Double]
  /// √(variance + ε).
  let deviation: Double
  let outputErrors: [Double]
  let gradientErrors: [Double]

  init(_ x: [Double], gain: [Double], bias: [Double], upstream: [Double]) {
    let (n, u) = (x.count, 1.001 * 0x1p-24)
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(n) }
    let normalised = naiveLayerNorm(x, epsilon: 1e-5)
    let centre = mean(x)
    let variance = mean(x.map { ($0 - centre) * ($0 - centre) })
    let deviation = (variance + 1e-5).squareRoot()

    // The mean is a sum and a quotient: relative to the mean magnitude, which in a row of values near each other is many
    // deviations. It moves all values alike, and their variance only by its square.
    let meanError = rounding(n) * mean(x.map(abs))
    // 1 / √(variance + ε): each difference twice, n products and their sum, the quotient by n, half of them under the root;
    // ε (rounded itself) added, halved too; then root and reciprocal.
    let deviationError =
      0.5 * ((rounding(n + 3) * variance + meanError * meanError) / (deviation * deviation) + 2 * u) + 2 * u
    let normalisedErrors = normalised.map { meanError / deviation + abs($0) * (deviationError + 2 * u) }
    outputErrors = (0..<n).map { i in
      // One rounding, fused.
      abs(gain[i]) * normalisedErrors[i] + u * abs(normalised[i] * gain[i] + bias[i])
    }

    // (s − mean s − x̂ · mean(s x̂)) / deviation, with s = upstream · gain.
    let scaled = zip(upstream, gain).map(*)
    let projected = zip(scaled, normalised).map(*)
    let (scaledMean, slope) = (mean(scaled), mean(projected))
    let scaledMeanError = rounding(n + 1) * mean(scaled.map(abs))
    let slopeError =
      rounding(n + 2) * mean(projected.map(abs)) + mean(zip(scaled, normalisedErrors).map { abs($0 * $1) })
    gradientErrors = (0..<n).map { i in
      let product = normalised[i] * slope
      let rest = scaled[i] - scaledMean - product
      let rounded = u * (abs(scaled[i]) + abs(scaled[i] - scaledMean) + abs(product) + abs(rest))
      let carried = scaledMeanError + normalisedErrors[i] * abs(slope) + abs(normalised[i]) * slopeError
      return (rounded + carried + (deviationError + u) * abs(rest)) / deviation
        // The differences of the twin: the square of the step, 1e-10, and doubles' roundings over it, 1e-16 / 1e-5.
        + 1e-9 * scaled.map(abs).reduce(0, +) / deviation
    }
    self.normalised = normalised
    self.deviation = deviation
  }
}
