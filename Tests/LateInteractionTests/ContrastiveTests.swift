import LateInteraction
import TestSupport
import Tensors
import Testing

@Suite struct ContrastiveTests {
  @Test(arguments: [(1, 1), (1, 5), (3, 2), (7, 16), (2, 300)], [0.02, 1] as [Float])
  func agreesWithTheTwin(shape: (queries: Int, documents: Int), temperature: Float) {
    var numbers = TestNumbers(seed: UInt64(shape.queries))
    // Scores of cosines for a low temperature, of sums over tokens for 1.
    let scores = TestMatrix(rows: shape.queries, columns: shape.documents, &numbers)
    if temperature == 1 { for row in 0..<shape.queries { scale(scores.matrix.rows(row..<row + 1), by: 30) } }
    let targets = (0..<shape.queries).map { _ in numbers.integer(below: shape.documents) }
    let point = scores.doubles
    func twin(_ scores: [Double]) -> Double {
      naiveContrastiveLoss(scores, targets: targets, temperature: Double(temperature), globalQueryCount: 11)
    }
    let loss = sumOfLosses(scores.matrix, targets: targets, temperature: temperature, globalQueryCount: 11)
    #expect(abs(loss - twin(point)) <= 1e-12 * max(1, abs(loss)))
    let slopes = centralDifferences(point, step: 1e-5 * Double(temperature), of: twin)
    #expect(largestDifference(scores.values, slopes) < 1e-6 / Double(temperature))
  }

  /// The gradient's rows sum to zero: more of everything changes nothing.
  @Test func aGradientRowSumsToZero() {
    var numbers = TestNumbers(seed: 2)
    let scores = TestMatrix(rows: 4, columns: 9, &numbers)
    _ = contrastiveLosses(scores.matrix, targets: [0, 8, 3, 3], temperature: 0.05, globalQueryCount: 4)
    for row in 0..<4 { #expect(abs(scores.row(row).reduce(0, +)) < 1e-6) }
  }

  @Test(arguments: [1, 2, 3, 5])
  func partsAddUpToTheWhole(size: Int) {
    var numbers = TestNumbers(seed: 3)
    let whole = TestMatrix(rows: 7, columns: 21, &numbers)
    let parts = TestMatrix(copying: whole)
    let targets = (0..<7).map { $0 * 3 }
    let loss = sumOfLosses(whole.matrix, targets: targets, temperature: 0.02, globalQueryCount: 7)
    let sum = stride(from: 0, to: 7, by: size).map { first in
      let part = first..<min(7, first + size)
      return sumOfLosses(
        parts.matrix.rows(part), targets: Array(targets[part]), temperature: 0.02, globalQueryCount: 7)
    }.reduce(0, +)
    #expect(abs(sum - loss) < 1e-12 * loss)
    #expect(bits(parts.values) == bits(whole.values))
  }

  @Test func extremeScoresStayFinite() {
    let scores = TestMatrix([1e4, -1e4, 0, -1e4, 1e4, 0], rows: 2, columns: 3)
    let loss = sumOfLosses(scores.matrix, targets: [0, 0], temperature: 0.02, globalQueryCount: 2)
    #expect(abs(loss - 2e4 / Double(0.02 as Float) / 2) < 1)
    #expect(Array(scores.values[..<3]) == [0, 0, 0])
    #expect(largestDifference(Array(scores.values[3...]), [-25, 25, 0]) < 1e-5)
  }

  @Test func noQueriesNoLoss() {
    let scores = TestMatrix(zeros: 0, 5)
    #expect(contrastiveLosses(scores.matrix, targets: [], temperature: 1, globalQueryCount: 3) == [])
  }

  private func sumOfLosses(_ scores: Matrix, targets: [Int], temperature: Float, globalQueryCount: Int) -> Double {
    contrastiveLosses(scores, targets: targets, temperature: temperature, globalQueryCount: globalQueryCount)
      .reduce(0, +)
  }

  private func scale(_ row: Matrix, by factor: Float) { row.assign(row.values.map { $0 * factor }) }
}
