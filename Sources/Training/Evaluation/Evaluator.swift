package import Communication
package import Datasets
import Foundation
import LateInteraction
import Tensors
import Tokenizers

/// Exact MaxSim search of a collection, its documents shared out over the ranks.
///
/// A rank holds all query vectors, one block of documents, and the best documents of each query: memory does not grow
/// with the corpus.
package struct Evaluator {
  private let exact: ExactSearch
  private var model: LoadedModel { exact.model }
  private var communicator: any Communicator { exact.communicator }

  package init(_ model: LoadedModel, communicator: any Communicator) {
    exact = ExactSearch(model: model, communicator: communicator)
  }

  /// Scores every query against every document. Collective: every rank calls it, and gets the same figures.
  package func evaluate(_ collection: RetrievalCollection) throws -> Evaluation {
    try evaluate(collection, against: nil).evaluation
  }

  /// The same, and how much the dense and sparse scores agree with `start`, which `hybridRankings` gave of another model.
  func evaluate(
    _ collection: RetrievalCollection, against start: HybridRankings?
  ) throws -> (evaluation: Evaluation, agreement: Agreement?) {
    let queries = try encodeQueries(collection, heads: start == nil ? .colbert : .all)
    var best = Array(
      repeating: TopDocuments(capacity: RetrievalMetrics.rankingLength), count: collection.queries.count)
    var hybrid = start.map { _ in HybridRankings(queryCount: collection.queries.count) }
    try search(collection, heads: start == nil ? .colbert : .all) { numbers, documents in
      offer(numbers, queries.vectors, documents.vectors, to: &best)
      hybrid?.offer(numbers, queries.texts, documents, on: model.model.pool)
    }
    let merged = try exact.merge(best, length: RetrievalMetrics.rankingLength)
    let mergedHybrid = try hybrid.map(merge)
    let measuredQueries = zip(collection.queries, merged).map(MeasuredQuery.init)
    let measured = try communicator.onRoot("measuring the rankings") {
      Measured(
        result: EvaluationResult(
          RetrievalMetrics(meanOf: measuredQueries.map(\.metrics)), queries: measuredQueries.count,
          documents: collection.documentCount),
        agreement: start.map { mergedHybrid!.agreement(with: $0) })
    }
    return (Evaluation(result: measured.result, queries: measuredQueries), measured.agreement)
  }

  private struct Measured: Codable {
    let result: EvaluationResult
    let agreement: Agreement?
  }

  /// What the dense and sparse scores of all documents rank first; complete on rank 0. The model needs a sparse head.
  ///
  /// Collective: every rank calls it.
  func hybridRankings(_ collection: RetrievalCollection) throws -> HybridRankings {
    let queries = try encodeQueries(collection, heads: .all)
    var hybrid = HybridRankings(queryCount: collection.queries.count)
    try search(collection, heads: .all) { numbers, documents in
      hybrid.offer(numbers, queries.texts, documents, on: model.model.pool)
    }
    return try merge(hybrid)
  }

  private func encodeQueries(_ collection: RetrievalCollection, heads: Heads) throws -> CollectedVectors {
    try exact.encodeQueries(
      collection.queries.count, heads: heads, text: { collection.queries[$0].text },
      location: collection.location(ofQuery:))
  }

  /// Encodes this rank's share of the documents, a block after the other.
  private func search(
    _ collection: RetrievalCollection, heads: Heads, _ body: (Range<Int>, EncodedTexts) throws -> Void
  ) throws {
    try exact.forEachBlock(
      0..<collection.documentCount, heads: heads, text: collection.document, location: collection.location(ofDocument:)
    ) { numbers, _, texts in try body(numbers, texts) }
  }

  private func offer(
    _ numbers: Range<Int>, _ queries: TextVectors, _ documents: TextVectors, to best: inout [TopDocuments]
  ) {
    let result = exact.scores(queries, documents)
    for query in best.indices {
      for (column, document) in numbers.enumerated() {
        best[query].offer(TopDocuments.Entry(score: result.scores[query, column], document: document))
      }
    }
  }

  private func merge(_ hybrid: HybridRankings) throws -> HybridRankings {
    HybridRankings(
      dense: try exact.merge(hybrid.dense, length: HybridRankings.length),
      sparse: try exact.merge(hybrid.sparse, length: HybridRankings.length))
  }
}
