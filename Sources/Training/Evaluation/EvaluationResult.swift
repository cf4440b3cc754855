/// What an evaluation measured; encodes under the names of `evaluate --json`.
package struct EvaluationResult: Codable, Equatable, Sendable {
  package var mrrAt10: Double
  package var ndcgAt10: Double
  package var recallAt100: Double
  package var meanAveragePrecision: Double
  package var successAt5: Double
  package var queries: Int
  package var documents: Int

  private enum CodingKeys: String, CodingKey {
    case mrrAt10 = "mrr@10"
    case ndcgAt10 = "ndcg@10"
    case recallAt100 = "recall@100"
    case meanAveragePrecision = "map"
    case successAt5 = "success@5"
    case queries, documents
  }

  init(_ metrics: RetrievalMetrics, queries: Int, documents: Int) {
    mrrAt10 = metrics.reciprocalRank10
    ndcgAt10 = metrics.ndcg10
    recallAt100 = metrics.recall100
    meanAveragePrecision = metrics.averagePrecision
    successAt5 = metrics.success5
    self.queries = queries
    self.documents = documents
  }
}
