import TestSupport
import Tensors
import Testing

@Suite struct PairProductsTests {
  static let shapes = [(1, 1, 1), (3, 2, 5), (70, 1, 1_024), (9, 40, 33), (1, 5_000, 8), (0, 3, 4), (3, 0, 4)]

  @Test(arguments: shapes, [1, 3])
  func agreesWithTheTwin(shape: (rows: Int, columns: Int, depth: Int), threads: Int) {
    let example = Example(shape)
    let products = example.run(threads: threads)
    func twin(_ values: (TestMatrix) -> [Float]) -> [Double] {
      naiveProduct(
        values(example.a), values(example.b), rows: shape.rows, columns: shape.columns, depth: shape.depth)
    }
    // A sum of n products is rounded by at most n u Σ |a b|, in whatever order (Higham, section 3.1).
    let magnitudes = twin { $0.values.map(abs) }
    for (ours, (theirs, magnitude)) in zip(products, zip(twin(\.values), magnitudes)) {
      #expect(abs(Double(ours) - theirs) <= Double(shape.depth) * 0x1p-24 * magnitude)
    }
  }

  /// An element's bits are its two rows' affair.
  @Test func doesNotDependOnTheOtherRows() {
    let example = Example((9, 40, 100))
    let whole = example.run(threads: 2)
    for (i, j) in [(0, 0), (8, 39), (3, 17)] {
      let alone = TestMatrix(zeros: 1, 1)
      pairProducts(
        example.a.matrix.rows(i..<i + 1), example.b.matrix.rows(j..<j + 1), into: alone.matrix,
        on: ThreadPool(threadCount: 1))
      #expect(bits(alone.values) == bits([whole[i * 40 + j]]))
    }
  }

  private struct Example {
    let a: TestMatrix
    let b: TestMatrix

    init(_ shape: (rows: Int, columns: Int, depth: Int)) {
      var numbers = TestNumbers(seed: 5)
      a = TestMatrix(rows: shape.rows, columns: shape.depth, &numbers)
      b = TestMatrix(rows: shape.columns, columns: shape.depth, &numbers)
    }

    func run(threads: Int) -> [Float] {
      let output = TestMatrix(zeros: a.matrix.rows, b.matrix.rows)
      pairProducts(a.matrix, b.matrix, into: output.matrix, on: ThreadPool(threadCount: threads))
      return output.values
    }
  }
}
