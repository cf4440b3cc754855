import Checkpoints
import Datasets
import Foundation

/// An evaluation's figures and the rankings they are of.
package struct Evaluation: Sendable {
  package let result: EvaluationResult
  /// In the collection's order; complete on rank 0.
  let queries: [MeasuredQuery]

  /// The 95% confidence interval of each mean, by its name, in the order of `RetrievalMetrics.named`. For rank 0.
  package var intervals: [(name: String, interval: ConfidenceInterval)] {
    let figures = queries.map(\.metrics.named)
    let means = bootstrapIntervals(figures.map { $0.map(\.value) })
    return zip(figures[0].map(\.name), means).map { ($0, $1) }
  }
}

/// A query, what a search ranked first for it, and what that is worth.
struct MeasuredQuery: Sendable {
  let id: String
  /// Best first.
  let ranking: [TopDocuments.Entry]
  let metrics: RetrievalMetrics

  init(_ query: RetrievalCollection.Query, _ top: TopDocuments) {
    id = query.id
    ranking = top.ranked
    metrics = RetrievalMetrics(JudgedRanking(ranking: ranking.map(\.document), grades: query.grades))
  }
}

/// Files for other programs, and for `colbert compare`.
extension Evaluation {
  /// Writes `{"query": ID, "mrr@10": …}` lines, every number with all its digits.
  func writeFigures(to path: String) throws {
    try replaceFile(path) { write in
      for query in queries {
        let figures = query.metrics.named.map { "\"\($0.name)\": \($0.value)" }.joined(separator: ", ")
        try write("{\"query\": \(String(decoding: JSONEncoder().encode(query.id), as: UTF8.self)), \(figures)}\n")
      }
    }
  }

  /// Writes a TREC run: `query Q0 document rank score tag` lines. Scores read back as the same float32.
  func writeRun(of collection: RetrievalCollection, to path: String) throws {
    var ids: [Int: String] = [:]
    try replaceFile(path) { write in
      for query in queries {
        var lines = ""
        for (index, entry) in query.ranking.enumerated() {
          let id = try ids[entry.document] ?? collection.documentID(entry.document)
          ids[entry.document] = id
          lines += "\(query.id) Q0 \(id) \(index + 1) \(entry.score) colbert\n"
        }
        try write(lines)
      }
    }
  }
}

/// Writes the judgements of a collection as TREC's qrels: `query 0 document grade` lines.
func writeJudgements(of collection: RetrievalCollection, to path: String) throws {
  try replaceFile(path) { write in
    for query in collection.queries {
      for (document, grade) in query.grades.sorted(by: { $0.key < $1.key }) {
        try write("\(query.id) 0 \(collection.documentID(document)) \(grade)\n")
      }
    }
  }
}
