import TestSupport
import Testing

@testable import Tensors

@Suite struct ColumnSumsTests {
  /// Around the 128 rows of a partial sum and the 256 columns of a block.
  static let shapes = [(0, 3), (1, 1), (127, 5), (128, 255), (129, 256), (257, 257), (3, 513), (1_000, 2)]

  @Test(arguments: shapes)
  func addsToWhatIsThere(rows: Int, columns: Int) {
    var numbers = TestNumbers(seed: UInt64(rows + columns))
    let values = TestMatrix(rows: rows, columns: columns, &numbers)
    let factors = TestMatrix(rows: rows, columns: columns, &numbers)
    let before = TestMatrix(rows: 1, columns: columns, &numbers)
    var plain = before.doubles
    var weighted = before.doubles
    for i in 0..<rows * columns {
      plain[i % columns] += values.doubles(i)
      weighted[i % columns] += values.doubles(i) * factors.doubles(i)
    }
    let runs = [1, 2, 3].map { threads in
      let pool = ThreadPool(threadCount: threads)
      let (sums, products) = (TestMatrix(copying: before), TestMatrix(copying: before))
      accumulateColumnSums(values.matrix, into: sums.matrix, on: pool)
      accumulateColumnSums(values.matrix, times: factors.matrix, into: products.matrix, on: pool)
      return (sums.values, products.values)
    }
    #expect(worstError(runs[0].0, plain) < 1e-6)
    #expect(worstError(runs[0].1, weighted) < 1e-6)
    for run in runs { #expect(bits(run.0) == bits(runs[0].0) && bits(run.1) == bits(runs[0].1)) }
  }

  /// A running float sum of a million 0.1s is off by 1 %; sums of sums stay close.
  @Test func roundingDoesNotGrowWithTheRows() {
    let rows = 1_000_000
    let values = TestMatrix([Float](repeating: 0.1, count: rows), rows: rows, columns: 1)
    let sums = TestMatrix(zeros: 1, 1)
    accumulateColumnSums(values.matrix, into: sums.matrix, on: ThreadPool(threadCount: 1))
    #expect(abs(sums.values[0] - 100_000) < 20)
  }
}

extension TestMatrix {
  fileprivate func doubles(_ i: Int) -> Double { Double(matrix[i / matrix.columns, i % matrix.columns]) }
}
