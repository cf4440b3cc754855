/// The figures an evaluation reports, of one query or as a mean over queries.
package struct RetrievalMetrics: Equatable, Sendable {
  /// How long a ranking must be for all of them; average precision looks at the whole of it.
  package static let rankingLength = 1000

  package let reciprocalRank10: Double
  package let ndcg10: Double
  package let recall100: Double
  package let averagePrecision: Double
  package let success5: Double

  package init(_ ranking: JudgedRanking) {
    reciprocalRank10 = ranking.reciprocalRank(at: 10)
    ndcg10 = ranking.ndcg(at: 10)
    recall100 = ranking.recall(at: 100)
    averagePrecision = ranking.averagePrecision
    success5 = ranking.success(at: 5)
  }

  /// The mean over `queries`, each counting the same; a query for which nothing was found counts with its zeros.
  package init(meanOf queries: [RetrievalMetrics]) {
    precondition(!queries.isEmpty, "a mean over no query")
    func mean(_ figure: (RetrievalMetrics) -> Double) -> Double {
      queries.reduce(0) { $0 + figure($1) } / Double(queries.count)
    }
    reciprocalRank10 = mean(\.reciprocalRank10)
    ndcg10 = mean(\.ndcg10)
    recall100 = mean(\.recall100)
    averagePrecision = mean(\.averagePrecision)
    success5 = mean(\.success5)
  }

  /// Every figure under the name by which it is reported.
  package var named: [(name: String, value: Double)] {
    [
      ("mrr@10", reciprocalRank10), ("ndcg@10", ndcg10), ("recall@100", recall100), ("map", averagePrecision),
      ("success@5", success5),
    ]
  }
}
