import TestSupport
import Testing

@testable import Tensors

@Suite struct OptimizingTests {
  /// Around the 16,384 elements of a block.
  @Test(arguments: [1, 16_383, 16_384, 16_385])
  func adamWAgreesWithTheTwin(count: Int) {
    let betas = (0.9, 0.999)
    var numbers = TestNumbers(seed: UInt64(count))
    let start = numbers.floats(count)
    let gradients = (0..<10).map { _ in numbers.floats(count) }
    let runs = [1, 2, 3].map { threads in
      let pool = ThreadPool(threadCount: threads)
      let values = TestMatrix(start, rows: 1, columns: count)
      let (first, second) = (TestMatrix(zeros: 1, count), TestMatrix(zeros: 1, count))
      for (i, gradient) in gradients.enumerated() {
        let step = AdamWStep(
          learningRate: 1e-3, weightDecay: 0.1, betas: betas, epsilon: 1e-8, gradientScale: 0.25, update: i + 1)
        let gradient = TestMatrix(gradient, rows: 1, columns: count)
        adamW(
          step, values: values.matrix, gradients: gradient.matrix, firstMoments: first.matrix,
          secondMoments: second.matrix, on: pool)
      }
      return [values, first, second].map(\.values)
    }
    #expect(runs[1].map(bits) == runs[0].map(bits) && runs[2].map(bits) == runs[0].map(bits))

    var (change, first, second) = ([Double](), [Double](), [Double]())
    for i in 0..<count {
      var twin = NaiveAdamW(Double(start[i]))
      for gradient in gradients {
        twin.update(gradient: 0.25 * Double(gradient[i]), learningRate: 1e-3, decay: 0.1, betas: betas, epsilon: 1e-8)
      }
      change.append(twin.value - Double(start[i]))
      first.append(twin.first)
      second.append(twin.second)
    }
    let changed = zip(runs[0][0], start).map { $0 - $1 }
    // Ten roundings of a value up to 1, each at most 2⁻²⁵.
    #expect(largestDifference(changed, change) < 10 * 3e-8)
    #expect(worstError(runs[0][1], first) < 1e-6)
    #expect(worstError(runs[0][2], second) < 1e-6)
  }

  /// A single parameter after its first update: −rate · g / (|g| + ε), whatever the betas.
  @Test func theFirstUpdateIsTheSignOfTheGradient() {
    for gradient: Float in [1e-4, -1e-4, 3, -1_000] {
      let value = update([0], [gradient], rate: 1e-3, decay: 0)[0]
      #expect(abs(value + (gradient > 0 ? 1e-3 : -1e-3)) < 2e-7)
    }
  }

  /// 1 − 1e-6 · 0.01 is 1 in single precision; joined with the update, the decay shows in the mean of many values.
  @Test func decayIsNotRoundedAway() {
    var numbers = TestNumbers(seed: 8)
    let start = numbers.floats(20_000).map { 0.75 + $0 / 4 }
    // As small as ε, so that updates take all sizes and round in all ways.
    let gradients = numbers.floats(20_000).map { $0 * 2e-8 }
    func mean(decay: Float) -> Double {
      let ends = update(start, gradients, rate: 1e-6, decay: decay)
      return zip(ends, start).map { Double($0) - Double($1) }.reduce(0, +) / 20_000
    }
    let shrinking = mean(decay: 0) - mean(decay: 0.01)
    #expect(abs(shrinking - 1e-8 * 0.75) < 1e-9)
  }

  @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 200_000])
  func squaredNormIsExactAndIndependentOfThreads(count: Int) {
    var numbers = TestNumbers(seed: 6)
    let values = TestMatrix(rows: 1, columns: count, &numbers)
    let exact = values.doubles.map { $0 * $0 }.reduce(0, +)
    let norms = [1, 2, 3].map { squaredNorm(values.matrix, on: ThreadPool(threadCount: $0)) }
    #expect(abs(norms[0] - exact) <= 1e-12 * exact)
    #expect(norms[1] == norms[0] && norms[2] == norms[0])
  }

  /// A large gradient does not overflow.
  @Test func squaredNormOfLargeValues() {
    let values = TestMatrix([1e30, -1e30], rows: 1, columns: 2)
    let norm = squaredNorm(values.matrix, on: ThreadPool(threadCount: 1)).squareRoot()
    #expect(abs(norm - 2.0.squareRoot() * Double(1e30 as Float)) < 1e20)
  }

  /// The values after their first update.
  private func update(_ start: [Float], _ gradients: [Float], rate: Float, decay: Float) -> [Float] {
    let count = start.count
    let values = TestMatrix(start, rows: 1, columns: count)
    let gradients = TestMatrix(gradients, rows: 1, columns: count)
    let (first, second) = (TestMatrix(zeros: 1, count), TestMatrix(zeros: 1, count))
    let step = AdamWStep(
      learningRate: rate, weightDecay: decay, betas: (0.9, 0.999), epsilon: 1e-8, gradientScale: 1, update: 1)
    adamW(
      step, values: values.matrix, gradients: gradients.matrix, firstMoments: first.matrix,
      secondMoments: second.matrix, on: ThreadPool(threadCount: 1))
    return values.values
  }
}
