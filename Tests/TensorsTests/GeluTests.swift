import TestSupport
import Testing

@testable import Tensors

@Suite struct GeluTests {
  /// Around a thread's 64 rows and a vector's 8 floats.
  static let shapes = [(1, 1), (1, 7), (3, 8), (63, 5), (64, 33), (65, 17), (129, 3), (200, 48)]

  @Test(arguments: shapes)
  func agreesWithTheTwin(rows: Int, columns: Int) {
    var numbers = TestNumbers(seed: UInt64(rows * columns))
    let input = TestMatrix(numbers.floats(rows * columns).map { $0 * 7 }, rows: rows, columns: columns)
    let upstream = TestMatrix(rows: rows, columns: columns, &numbers)
    let output = TestMatrix(zeros: rows, columns)
    let gradient = TestMatrix(copying: upstream)
    let pool = ThreadPool(threadCount: 2)
    gelu(input.matrix, into: output.matrix, on: pool)
    geluBackward(gradient.matrix, input: input.matrix, on: pool)
    // 1 + erf rounds to 2⁻²⁴ before x scales it: 7 / 2 · 6e-8, as in PyTorch.
    #expect(largestDifference(output.values, input.doubles.map(naiveGelu)) < 4.5e-7)
    let slopes = input.doubles.map { (naiveGelu($0 + 1e-5) - naiveGelu($0 - 1e-5)) / 2e-5 }
    #expect(largestDifference(gradient.values, zip(slopes, upstream.doubles).map(*)) < 4e-7)
  }

  @Test func isFlatFarBelowZeroAndTheIdentityFarAbove() {
    let input = TestMatrix([-1e4, -7, 7, 1e4, 0, -0.0], rows: 1, columns: 6)
    let output = TestMatrix(zeros: 1, 6)
    let gradient = TestMatrix([1, 1, 1, 1, 1, 1], rows: 1, columns: 6)
    let pool = ThreadPool(threadCount: 1)
    gelu(input.matrix, into: output.matrix, on: pool)
    geluBackward(gradient.matrix, input: input.matrix, on: pool)
    #expect(output.values == [0, 0, 7, 1e4, 0, 0])
    #expect(largestDifference(gradient.values, [0, 0, 1, 1, 0.5, 0.5]) < 1e-10)
  }

  /// A value's bits depend neither on its place in a row or block nor on the threads.
  @Test func bitsDependOnTheValueAlone() {
    var numbers = TestNumbers(seed: 9)
    let input = TestMatrix(numbers.floats(130 * 37).map { $0 * 5 }, rows: 130, columns: 37)
    let upstream = TestMatrix(rows: 130, columns: 37, &numbers)
    let runs = [1, 2, 3].map { threads in
      let output = TestMatrix(zeros: 130, 37)
      let gradient = TestMatrix(copying: upstream)
      let pool = ThreadPool(threadCount: threads)
      gelu(input.matrix, into: output.matrix, on: pool)
      geluBackward(gradient.matrix, input: input.matrix, on: pool)
      return bits(output.values) + bits(gradient.values)
    }
    #expect(runs[1] == runs[0] && runs[2] == runs[0])
    let alone = TestMatrix(zeros: 1, 1)
    for place in stride(from: 0, to: input.values.count, by: 11) {
      gelu(
        input.matrix.reshaped(rows: 130 * 37, columns: 1).rows(place..<place + 1), into: alone.matrix,
        on: ThreadPool(threadCount: 1))
      #expect(bits(alone.values)[0] == runs[0][place])
    }
  }
}
