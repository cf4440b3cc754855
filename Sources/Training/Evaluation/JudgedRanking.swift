import Foundation

/// One query's ranking against its judgements, and what `trec_eval` measures of it.
///
/// A document is relevant if its grade is above zero; documents without a judgement, and grades of zero or less, are not and
/// gain nothing. Relevant documents that are missing from the ranking count as not found. A query without any relevant
/// document scores zero throughout.
package struct JudgedRanking {
  /// The gain at each rank, best first.
  private let gains: [Int]
  /// The gain of every relevant document, found or not, largest first.
  private let idealGains: [Int]

  /// - Parameters:
  ///   - ranking: document numbers, best first, each at most once.
  ///   - grades: the grade of each judged document.
  package init(ranking: [Int], grades: [Int: Int]) {
    gains = ranking.map { max(grades[$0] ?? 0, 0) }
    idealGains = grades.values.filter { $0 > 0 }.sorted(by: >)
  }

  /// 1 / rank of the first relevant document, or zero if it is not among the first `cut`: `recip_rank` of a cut run.
  package func reciprocalRank(at cut: Int) -> Double {
    gains.prefix(cut).firstIndex { $0 > 0 }.map { 1 / Double($0 + 1) } ?? 0
  }

  /// Discounted gain of the first `cut` over the best possible: `ndcg_cut`. The gain is the grade itself, discounted by
  /// log₂(rank + 1) (Järvelin and Kekäläinen, 2002).
  package func ndcg(at cut: Int) -> Double {
    idealGains.isEmpty ? 0 : discounted(gains.prefix(cut)) / discounted(idealGains.prefix(cut))
  }

  /// The share of the relevant documents that are among the first `cut`: `recall`.
  package func recall(at cut: Int) -> Double {
    idealGains.isEmpty ? 0 : Double(gains.prefix(cut).count { $0 > 0 }) / Double(idealGains.count)
  }

  /// 1 if a relevant document is among the first `cut`: `success`.
  package func success(at cut: Int) -> Double { gains.prefix(cut).contains { $0 > 0 } ? 1 : 0 }

  /// The mean over the relevant documents of the precision at their ranks, zero for those not ranked: `map` of one query.
  package var averagePrecision: Double {
    guard !idealGains.isEmpty else { return 0 }
    var found = 0.0
    var sum = 0.0
    for (index, gain) in gains.enumerated() where gain > 0 {
      found += 1
      sum += found / Double(index + 1)
    }
    return sum / Double(idealGains.count)
  }

  private func discounted(_ gains: ArraySlice<Int>) -> Double {
    zip(gains, 2...).reduce(0) { $0 + Double($1.0) / log2(Double($1.1)) }
  }
}
