import TestSupport
import Testing

@testable import Tensors

@Suite struct MaximumTests {
  /// Every length around whole vectors of 16 lanes.
  @Test(arguments: 1...100)
  func findsTheFirstOfTheLargest(count: Int) {
    var numbers = TestNumbers(seed: UInt64(count))
    // Few different values, so that ties are everywhere, then many; all negative in half of the rounds.
    for round in 0..<40 {
      let kinds = round % 2 == 0 ? 3 : 1_000
      let shift = round % 4 < 2 ? 0 : kinds + 1
      check((0..<count).map { _ in Float(numbers.integer(below: kinds) - shift) })
    }
  }

  @Test(arguments: [1, 15, 16, 17, 32, 47, 48, 49])
  func findsTheOnlyLargestAnywhere(count: Int) {
    for place in 0..<count {
      var values = [Float](repeating: -2, count: count)
      values[place] = -1
      check(values)
      values = [Float](repeating: -.infinity, count: count)
      values[place] = -.greatestFiniteMagnitude
      check(values)
    }
  }

  /// Nothing is larger than −∞, and all equal the first.
  @Test(arguments: [1, 16, 17, 40])
  func allTheSameGivesTheFirst(count: Int) {
    for value in [-Float.infinity, -1, 0, .infinity] { check([Float](repeating: value, count: count)) }
  }

  private func check(_ values: [Float]) {
    let largest = values.max()!
    let (found, value) = values.withUnsafeBufferPointer {
      (maximum($0.baseAddress!, values.count), maximumValue($0.baseAddress!, values.count))
    }
    #expect(found.value == largest && value == largest)
    #expect(found.index == values.firstIndex(of: largest), "\(values)")
  }
}
