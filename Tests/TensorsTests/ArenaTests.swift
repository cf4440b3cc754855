import TestSupport
import Testing

@testable import Tensors

@Suite struct ArenaTests {
  @Test func matricesDoNotOverlap() {
    let arena = Arena()
    // Past the first 4 MiB, one matrix larger than that, and empty ones.
    let shapes = [(1, 1), (3, 5), (0, 7), (1_000, 1_000), (7, 0), (600, 1_024), (2_000, 700), (1, 17)]
    let matrices = shapes.map { arena.matrix(rows: $0.0, columns: $0.1) }
    for (i, matrix) in matrices.enumerated() {
      #expect(UInt(bitPattern: matrix.base) % 64 == 0)
      matrix.base.update(repeating: Float(i), count: matrix.count)
    }
    for (i, matrix) in matrices.enumerated() {
      #expect(matrix.count == shapes[i].0 * shapes[i].1)
      #expect(Set(matrix.values).isSubset(of: [Float(i)]))
    }
  }

  @Test func zerosAreZeroAfterReuse() {
    let arena = Arena()
    let first = arena.matrix(rows: 100, columns: 10)
    first.base.update(repeating: 9, count: first.count)
    arena.reset()
    let second = arena.zeros(rows: 100, columns: 10)
    #expect(second.base == first.base)
    #expect(Set(second.values) == [0])
  }

  /// The first pass may take several pieces of memory; from the second on the same pass gets the same addresses.
  @Test(arguments: [[(10, 10), (3, 3)], [(1_000, 1_000), (1_000, 1_000), (5, 5)], [(1, 1), (3_000, 1_000), (2, 2)]])
  func aPassThatRepeatsGetsTheSameMemory(shapes: [(Int, Int)]) {
    let arena = Arena()
    func pass() -> [UnsafeMutablePointer<Float>] {
      arena.reset()
      return shapes.map { arena.matrix(rows: $0.0, columns: $0.1).base }
    }
    _ = pass()
    let second = pass()
    for _ in 0..<5 { #expect(pass() == second) }
    // A smaller pass fits into the same memory, and the larger one still does afterwards.
    arena.reset()
    #expect(arena.matrix(rows: 2, columns: 2).base == second[0])
    #expect(pass() == second)
  }
}
