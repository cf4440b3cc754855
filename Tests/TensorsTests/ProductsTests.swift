import TestSupport
import Testing

@testable import Tensors

@Suite struct ProductsTests {
  /// Around the edges of padding and of a BLAS micro-kernel.
  static let shapes = [(1, 1, 1), (7, 5, 3), (64, 48, 48), (65, 96, 48), (130, 384, 384), (300, 33, 129)]

  @Test(arguments: shapes, [1, 2, 3])
  func agreesWithTheNaiveProduct(shape: (Int, Int, Int), threads: Int) {
    let (rows, columns, depth) = shape
    var numbers = TestNumbers(seed: UInt64(rows))
    let pool = ThreadPool(threadCount: threads)
    let input = TestMatrix(rows: rows, columns: depth, &numbers)
    let weight = TestMatrix(rows: columns, columns: depth, &numbers)
    let bias = TestMatrix(rows: 1, columns: columns, &numbers)
    let output = TestMatrix(zeros: rows, columns)
    multiply(input.matrix, transposed: weight.matrix, adding: bias.matrix, into: output.matrix, on: pool)
    var expected = naiveProduct(input.values, weight.values, rows: rows, columns: columns, depth: depth)
    for i in expected.indices { expected[i] += Double(bias.values[i % columns]) }
    #expect(worstError(output.values, expected) < Double(depth + 1) * 1e-7)

    // The input's gradient: output · weight; the weight's: outputᵀ · input. Both add to what is there.
    let upstream = TestMatrix(rows: rows, columns: columns, &numbers)
    let inputGradient = TestMatrix(rows: rows, columns: depth, &numbers)
    let weightTransposed = transposed(weight.values, rows: columns, columns: depth)
    var back = naiveProduct(upstream.values, weightTransposed, rows: rows, columns: depth, depth: columns)
    for (i, value) in inputGradient.values.enumerated() { back[i] += Double(value) }
    multiply(upstream.matrix, weight.matrix, into: inputGradient.matrix, accumulating: true, on: pool)
    #expect(worstError(inputGradient.values, back) < Double(columns + 1) * 1e-7)

    let gradient = TestMatrix(rows: columns, columns: depth, &numbers)
    var sums = naiveProduct(
      transposed(upstream.values, rows: rows, columns: columns), transposed(input.values, rows: rows, columns: depth),
      rows: columns, columns: depth, depth: rows)
    for (i, value) in gradient.values.enumerated() { sums[i] += Double(value) }
    accumulateProduct(transposed: upstream.matrix, input.matrix, into: gradient.matrix, on: pool)
    #expect(worstError(gradient.values, sums) < Double(rows + 1) * 1e-7)
  }

  /// As of a rank that has no documents.
  @Test(arguments: [true, false])
  func aSumOfNothingIsZero(accumulating: Bool) {
    var numbers = TestNumbers(seed: 1)
    let output = TestMatrix(rows: 3, columns: 4, &numbers)
    let expected = accumulating ? output.values : Array(repeating: 0, count: 12)
    multiply(
      TestMatrix(zeros: 3, 0).matrix, TestMatrix(zeros: 0, 4).matrix, into: output.matrix, accumulating: accumulating,
      on: ThreadPool(threadCount: 1))
    #expect(output.values == expected)
  }

  /// What runs where oneDNN is missing: an element is one chain of fused multiply-adds, wherever it lies.
  @Test(arguments: [(1, 1, 1), (6, 16, 512), (7, 17, 513), (5, 15, 511), (13, 33, 1_030), (100, 40, 72)])
  func orderedProductIsOneChainOfMultiplyAdds(shape: (Int, Int, Int)) {
    let (rows, columns, depth) = shape
    var numbers = TestNumbers(seed: 11)
    let input = TestMatrix(rows: rows, columns: depth, &numbers)
    let weight = TestMatrix(rows: columns, columns: depth, &numbers)
    let bias = TestMatrix(rows: 1, columns: columns, &numbers)
    let output = TestMatrix(rows: rows, columns: columns, &numbers)
    orderedProduct(input.matrix, weight.matrix, bias.matrix, into: output.matrix)
    for row in 0..<rows {
      for column in 0..<columns {
        let chain = (0..<depth).reduce(bias.values[column]) { sum, d in
          sum.addingProduct(input.values[row * depth + d], weight.values[column * depth + d])
        }
        #expect(output.values[row * columns + column] == chain, "row \(row), column \(column)")
      }
    }
  }

  /// The law of cuts rests on this: any part of the rows, and any part of the columns, gives the same bits.
  @Test(arguments: [
    (384, 384), (1536, 384), (384, 1536), (128, 384), (48, 48), (96, 48), (32, 48), (1024, 1024), (40, 72),
  ])
  func bitsDoNotDependOnTheOtherRows(columns: Int, depth: Int) {
    var numbers = TestNumbers(seed: 3)
    let rows = 700
    let pool = ThreadPool(threadCount: 2)
    let input = TestMatrix(rows: rows, columns: depth, &numbers)
    let weight = TestMatrix(rows: columns, columns: depth, &numbers)
    let bias = TestMatrix(rows: 1, columns: columns, &numbers)
    let whole = TestMatrix(zeros: rows, columns)
    multiply(input.matrix, transposed: weight.matrix, adding: bias.matrix, into: whole.matrix, on: pool)
    for part in [0..<1, 3..<4, 5..<12, 17..<82, 1..<301, 599..<700, 250..<506] {
      let output = TestMatrix(zeros: part.count, columns)
      multiply(input.matrix.rows(part), transposed: weight.matrix, adding: bias.matrix, into: output.matrix, on: pool)
      #expect(output.values == whole.matrix.rows(part).values, "rows \(part) of [\(rows) × \(columns)], depth \(depth)")
    }
  }

  /// Tiles of MaxSim end anywhere: a similarity is the same bits in every tile.
  @Test(arguments: [16, 24, 32, 96, 128, 256, 1024])
  func bitsDoNotDependOnTheOtherColumns(depth: Int) {
    var numbers = TestNumbers(seed: 5)
    let (rows, columns) = (70, 1_100)
    let pool = ThreadPool(threadCount: 1)
    let input = TestMatrix(rows: rows, columns: depth, &numbers)
    let weight = TestMatrix(rows: columns, columns: depth, &numbers)
    let whole = TestMatrix(zeros: rows, columns)
    multiply(input.matrix, transposed: weight.matrix, into: whole.matrix, on: pool)
    for part in [0..<1, 7..<8, 3..<20, 100..<131, 64..<577, 1..<1_025, 1_090..<1_100] {
      for some in [0..<70, 11..<12, 5..<38] {
        let output = TestMatrix(zeros: some.count, part.count)
        multiply(input.matrix.rows(some), transposed: weight.matrix.rows(part), into: output.matrix, on: pool)
        for row in 0..<some.count {
          let expected = (0..<part.count).map { whole.matrix[some.lowerBound + row, part.lowerBound + $0] }
          #expect(output.matrix.rows(row..<row + 1).values == expected, "columns \(part), rows \(some), depth \(depth)")
        }
      }
    }
  }
}
