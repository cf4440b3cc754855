import LateInteraction
import TestSupport
import Tensors

/// Vectors of unit length of several texts, for the kernel and for its twin.
final class VectorExample {
  let matrix: TestMatrix
  let starts: [Int]

  init(lengths: [Int], dimension: Int, seed: UInt64) {
    var numbers = TestNumbers(seed: seed)
    starts = lengths.reduce(into: [0]) { $0.append($0.last! + $1) }
    matrix = TestMatrix(rows: starts.last!, columns: dimension, &numbers)
    let norms = TestMatrix(zeros: starts.last!, 1)
    normalizeRows(matrix.matrix, lengths: norms.matrix, on: ThreadPool(threadCount: 1))
  }

  private init(_ values: [Float], starts: [Int], dimension: Int) {
    self.starts = starts
    matrix = TestMatrix(values, rows: starts.last!, columns: dimension)
  }

  var count: Int { starts.count - 1 }
  var dimension: Int { matrix.matrix.columns }
  var vectors: TextVectors { TextVectors(rows: matrix.matrix, starts: starts) }
  var twin: NaiveTexts { NaiveTexts(matrix.values, starts: starts, dimension: dimension) }

  func tokens(_ text: Int) -> Range<Int> { starts[text]..<starts[text + 1] }

  /// These texts alone, in this order.
  func only(_ texts: [Int]) -> VectorExample {
    VectorExample(
      texts.flatMap { matrix.matrix.rows(tokens($0)).values },
      starts: texts.reduce(into: [0]) { $0.append($0.last! + tokens($1).count) }, dimension: dimension)
  }

  /// Sets one vector.
  func set(_ row: Int, _ vector: [Float]) { matrix.matrix.rows(row..<row + 1).assign(vector) }

  func vector(_ row: Int) -> [Float] { matrix.matrix.rows(row..<row + 1).values }
}

/// Scores and winners of one call, copied out.
struct MaxSimOutcome: Equatable {
  let scores: [UInt32]
  let winners: [Int]

  init(
    _ queries: VectorExample, _ documents: VectorExample, reduction: ScoreReduction = .sum, threads: Int = 1,
    keepsWinners: Bool = true
  ) {
    let result = maxSim(
      queries.vectors, documents.vectors, reduction: reduction, keepsWinners: keepsWinners,
      on: ThreadPool(threadCount: threads))
    scores = bits(result.scores.values)
    winners =
      result.winners.map { table in
        (0..<table.rows).flatMap { row in (0..<table.columns).map { table[row, $0] } }
      } ?? []
  }

  var values: [Float] { scores.map(Float.init(bitPattern:)) }
}
