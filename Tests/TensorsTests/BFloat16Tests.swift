import TestSupport
import Testing

@testable import Tensors

@Suite struct BFloat16Tests {
  /// Every float between two neighbours goes to the nearer one, and from the middle to the even one.
  @Test func roundsToTheNearestTiesToEven() {
    var numbers = TestNumbers(seed: 5)
    let upper = [0x0000, 0x0001, 0x007F, 0x0080, 0x3F80, 0x3F81, 0x4049, 0x7F7E, 0x8000, 0xBF81].map { UInt32($0) }
    let lower: [UInt32] =
      [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF] + (0..<50).map { _ in UInt32(numbers.integer(below: 0x10000)) }
    let input = upper.flatMap { high in lower.map { Float(bitPattern: high << 16 | $0) } }
    let expected = upper.flatMap { high in
      lower.map { low -> Float in
        let (below, above) = (Float(bitPattern: high << 16), Float(bitPattern: (high + 1) << 16))
        let x = Double(Float(bitPattern: high << 16 | low))
        let (down, up) = (abs(x - Double(below)), abs(x - Double(above)))
        return down < up || (down == up && high % 2 == 0) ? below : above
      }
    }
    let matrix = TestMatrix(input, rows: input.count, columns: 1)
    roundToBFloat16(matrix.matrix, on: ThreadPool(threadCount: 3))
    #expect(matrix.values.map(\.bitPattern) == expected.map(\.bitPattern))
    // What is rounded stays.
    roundToBFloat16(matrix.matrix, on: ThreadPool(threadCount: 1))
    #expect(matrix.values.map(\.bitPattern) == expected.map(\.bitPattern))
    let copy = TestMatrix(zeros: input.count, 1)
    assign(upperHalves: upperHalves(of: matrix.matrix), to: copy.matrix)
    #expect(copy.values.map(\.bitPattern) == expected.map(\.bitPattern))
  }

  @Test func keepsWhatIsNoNumber() {
    let input = [
      Float.nan, Float(bitPattern: 0x7F80_0001), Float(bitPattern: 0xFFFF_FFFF), .infinity, -.infinity,
      .greatestFiniteMagnitude,
    ]
    let matrix = TestMatrix(input, rows: 6, columns: 1)
    roundToBFloat16(matrix.matrix, on: ThreadPool(threadCount: 1))
    #expect(matrix.values[..<3].allSatisfy { $0.isNaN })
    #expect(Array(matrix.values[3...]) == [.infinity, -.infinity, .infinity])
  }
}
