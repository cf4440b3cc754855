import Foundation
import Training

extension EvaluationResult {
  /// The figures under one another with their confidence intervals, for people.
  func table(_ intervals: [(name: String, interval: ConfidenceInterval)]) -> String {
    let figures = [
      ("nDCG@10", "ndcg@10", ndcgAt10), ("MRR@10", "mrr@10", mrrAt10), ("recall@100", "recall@100", recallAt100),
      ("MAP", "map", meanAveragePrecision), ("success@5", "success@5", successAt5),
    ]
    func decimals(_ value: Double) -> String { Figure.decimals(value, 4) }
    let rows = figures.map { title, name, mean in
      let interval = intervals.first { $0.name == name }!.interval
      return [title, decimals(mean), "\(decimals(interval.low)) – \(decimals(interval.high))"]
    }
    let counts = [["queries", "\(queries)", ""], ["documents", "\(documents)", ""]]
    let table = TextTable(["", "mean", "95% confidence"], rows + counts, numbers: [1])
    return "\(table)"
  }

  /// The figures as one flat JSON object, with all their digits.
  func json(_ intervals: [(name: String, interval: ConfidenceInterval)]) -> String {
    let bounds = intervals.map { name, interval in
      "\"\(name)_low\": \(interval.low), \"\(name)_high\": \(interval.high)"
    }
    return """
      {"mrr@10": \(mrrAt10), "ndcg@10": \(ndcgAt10), "recall@100": \(recallAt100), "map": \(meanAveragePrecision), \
      "success@5": \(successAt5), "queries": \(queries), "documents": \(documents), \(bounds.joined(separator: ", "))}
      """
  }
}
