import TestSupport
import Testing

@testable import Tensors

@Suite struct RowGradientsTests {
  /// Rows that were stored once are gone, and what is stored anew is zero, whatever lay there.
  @Test func openingForgetsWhatWas() {
    let gradients = RowGradients(rowCount: 9, columns: 2)
    let dense = TestMatrix(zeros: 9, 2)
    for rows: [Int32] in [[], [1, 4, 8], [0, 1], [2, 3, 4, 5, 6, 7, 8], [0, 1, 2, 3, 4, 5, 6, 7, 8], [5], []] {
      gradients.open(rows)
      #expect(gradients.rows == rows)
      #expect(gradients.values.values == [Float](repeating: 0, count: 2 * rows.count))
      gradients.values.assign(rows.flatMap { [Float($0) + 1, -Float($0)] })
      gradients.copy(into: dense.matrix)
      let expected = (0..<9).flatMap { (row: Int) -> [Float] in
        rows.contains(Int32(row)) ? [Float(row) + 1, -Float(row)] : [0, 0]
      }
      #expect(dense.values == expected)
    }
  }

  /// Untouched rows get zeros: bit for bit what a dense gradient gives, moments and decay too.
  @Test(arguments: [(1, 50_000), (64, 300), (1024, 40), (20_000, 3)])
  func adamWIsTheDenseOne(columns: Int, rowCount: Int) {
    var numbers = TestNumbers(seed: UInt64(columns))
    let start = numbers.floats(rowCount * columns)
    let updates = (0..<4).map { _ in
      let rows = (0..<Int32(rowCount)).filter { _ in numbers.integer(below: 3) == 0 }
      return (rows, numbers.floats(rows.count * columns))
    }
    func step(_ update: Int) -> AdamWStep {
      AdamWStep(
        learningRate: 1e-3, weightDecay: 0.1, betas: (0.9, 0.999), epsilon: 1e-8, gradientScale: 0.25, update: update)
    }
    func run(_ body: (Int, [TestMatrix]) -> Void) -> [[UInt32]] {
      let buffers = [
        TestMatrix(start, rows: rowCount, columns: columns), TestMatrix(zeros: rowCount, columns),
        TestMatrix(zeros: rowCount, columns),
      ]
      for i in updates.indices { body(i, buffers) }
      return buffers.map { bits($0.values) }
    }
    let gradients = RowGradients(rowCount: rowCount, columns: columns)
    let dense = run { i, buffers in
      gradients.open(updates[i].0)
      gradients.values.assign(updates[i].1)
      let whole = TestMatrix(zeros: rowCount, columns)
      gradients.copy(into: whole.matrix)
      adamW(
        step(i + 1), values: buffers[0].matrix, gradients: whole.matrix, firstMoments: buffers[1].matrix,
        secondMoments: buffers[2].matrix, on: ThreadPool(threadCount: 1))
    }
    for threads in [1, 3] {
      // Whole, and in parts that begin and end within a row, or hold nothing.
      let count = rowCount * columns
      for edges in [[0, count], [0, columns + 1, 2 * columns, 2 * columns, count - 1, count]] {
        let byRows = run { i, buffers in
          gradients.open(updates[i].0)
          gradients.values.assign(updates[i].1)
          for (start, end) in zip(edges, edges.dropFirst()) {
            func part(_ matrix: Matrix) -> Matrix { matrix.reshaped(rows: count, columns: 1).rows(start..<end) }
            adamW(
              step(i + 1), part: start..<end, values: part(buffers[0].matrix), gradients: gradients,
              firstMoments: part(buffers[1].matrix), secondMoments: part(buffers[2].matrix),
              on: ThreadPool(threadCount: threads))
          }
        }
        #expect(byRows == dense, "\(threads) threads, parts at \(edges)")
      }
    }
  }

  @Test func countsStoredFloatsBeforeEach() {
    let (rowCount, columns) = (7, 3)
    for rows in [[], [0], [2, 3, 6], [0, 1, 2, 3, 4, 5, 6]] as [[Int32]] {
      let gradients = RowGradients(rowCount: rowCount, columns: columns)
      gradients.open(rows)
      for element in 0...rowCount * columns {
        let naive = (0..<element).count { rows.contains(Int32($0 / columns)) }
        #expect(gradients.storedCount(before: element) == naive, "\(rows), \(element)")
      }
    }
  }
}
