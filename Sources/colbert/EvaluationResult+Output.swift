import Foundation
import Training

extension EvaluationResult {
  /// The figures under one another, for people.
  var table: String {
    let figures = [
      ("nDCG@10", ndcgAt10), ("MRR@10", mrrAt10), ("recall@100", recallAt100), ("MAP", meanAveragePrecision),
      ("success@5", successAt5),
    ]
    let rows =
      figures.map { ($0.0, String(format: "%.4f", $0.1)) } + [("queries", "\(queries)"), ("documents", "\(documents)")]
    let nameWidth = rows.map(\.0.count).max()! + 2
    let width = rows.map(\.1.count).max()!
    return rows.map { name, figure in
      name + String(repeating: " ", count: nameWidth - name.count + width - figure.count) + figure
    }.joined(separator: "\n")
  }

  /// The figures as one JSON object, with all their digits.
  var json: String {
    """
    {"mrr@10": \(mrrAt10), "ndcg@10": \(ndcgAt10), "recall@100": \(recallAt100), "map": \(meanAveragePrecision), \
    "success@5": \(successAt5), "queries": \(queries), "documents": \(documents)}
    """
  }
}
