import Foundation
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

    var twins = start.map { RoundedAdamW(Double($0)) }
    for gradient in gradients {
      for i in 0..<count {
        twins[i].update(gradient: 0.25 * Double(gradient[i]), learningRate: 1e-3, decay: 0.1, betas: betas)
      }
    }
    #expect(firstOutside(twins.map(\.valueError), runs[0][0], twins.map(\.twin.value)) == nil)
    #expect(firstOutside(twins.map(\.firstError), runs[0][1], twins.map(\.twin.first)) == nil)
    #expect(firstOutside(twins.map(\.secondError), runs[0][2], twins.map(\.twin.second)) == nil)
  }

  /// A single parameter after its first update: −rate · g / (|g| + ε), whatever the betas.
  @Test func theFirstUpdateIsTheSignOfTheGradient() {
    for gradient: Float in [1e-4, -1e-4, 3, -1_000] {
      let value = update([0], [gradient], rate: 1e-3, decay: 0)[0]
      let expected = -1e-3 * Double(gradient) / (abs(Double(gradient)) + 1e-8)
      var twin = RoundedAdamW(0)
      twin.update(gradient: Double(gradient), learningRate: 1e-3, decay: 0, betas: (0.9, 0.999))
      #expect(firstOutside([twin.valueError], [value], [expected]) == nil)
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

/// The twin of one parameter, and how far from it the kernel's roundings may bring value and moments: the sum of what each
/// operation rounds off, carried through the operations after it. First order in u = 2⁻²⁴, and a thousandth for the rest.
private struct RoundedAdamW {
  private(set) var twin: NaiveAdamW
  private(set) var valueError = 0.0
  private(set) var firstError = 0.0
  private(set) var secondError = 0.0
  private var updates = 0

  private static let u = 1.001 * 0x1p-24
  private static let epsilon = 1e-8

  init(_ value: Double) { twin = NaiveAdamW(value) }

  mutating func update(gradient: Double, learningRate: Double, decay: Double, betas: (Double, Double)) {
    let u = Self.u
    let (first, second) = (twin.first, twin.second)
    twin.update(
      gradient: gradient, learningRate: learningRate, decay: decay, betas: betas, epsilon: Self.epsilon)
    updates += 1

    // β m: β was rounded, so is the product; (1 − β) g: 1 − β was; then their sum.
    firstError =
      betas.0 * firstError
      + u * (2 * betas.0 * abs(first) + (1 - betas.0) * abs(gradient) + abs(twin.first))
    // The same, with one more product for g².
    secondError =
      betas.1 * secondError
      + u * (2 * betas.1 * second + 2 * (1 - betas.1) * gradient * gradient + twin.second)

    let rate = learningRate / (1 - pow(betas.0, Double(updates)))
    let denominator = (twin.second / (1 - pow(betas.1, Double(updates)))).squareRoot() + Self.epsilon
    let change = rate * abs(twin.first) / denominator
    // Of itself: 3 u of the rate (its parts and their quotient), 1 of its product with m, 1 of the division, and of the
    // denominator the root, its factor (½ + 1 + 1: bias correction, root, quotient), ε, and the sum.
    let changeError =
      change * (10.5 * u + 0.5 * secondError / twin.second) + rate / denominator * firstError
    // Rate, decay and their product; the sum with the change; the difference with the value.
    let shrinking = learningRate * decay * abs(twin.value)
    valueError =
      valueError * (1 + learningRate * decay) + changeError
      + u * (3 * shrinking + change + shrinking + abs(twin.value))
  }
}
