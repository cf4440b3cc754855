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
    return try measured(collection, merged) { start.map { mergedHybrid!.agreement(with: $0) } }
  }

  /// Collective: every rank calls it.
  ///
  /// - Parameters:
  ///   - merged: complete on rank 0.
  ///   - agreement: asked on rank 0 alone.
  private func measured(
    _ collection: RetrievalCollection, _ merged: [TopDocuments], agreement: () -> Agreement?
  ) throws -> (evaluation: Evaluation, agreement: Agreement?) {
    let queries = zip(collection.queries, merged).map(MeasuredQuery.init)
    let measured = try communicator.onRoot("measuring the rankings") {
      Measured(
        result: EvaluationResult(
          RetrievalMetrics(meanOf: queries.map(\.metrics)), queries: queries.count, documents: collection.documentCount),
        agreement: agreement())
    }
    return (Evaluation(result: measured.result, queries: queries), measured.agreement)
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

  /// Scores each query against the documents that `candidates` lists for it. Collective: every rank calls it, and gets the
  /// same figures; a score has the bits that a search gives it.
  package func evaluate(_ collection: RetrievalCollection, only candidates: Candidates) throws -> Evaluation {
    let queries = try encodeQueries(collection, heads: .colbert)
    let length = max(RetrievalMetrics.rankingLength, candidates.longest)
    var best = Array(repeating: TopDocuments(capacity: length), count: collection.queries.count)
    try exact.forEachBlock(
      0..<candidates.documents.count, heads: .colbert, text: { try collection.document(candidates.documents[$0]) },
      location: { collection.location(ofDocument: candidates.documents[$0]) }
    ) { places, _, documents in
      let pairs = places.flatMap { place in candidates.queries[place].map { (query: $0, place: place) } }
      for (query, own) in Dictionary(grouping: pairs, by: \.query) {
        let result = exact.scores(queries.vectors.texts(query..<query + 1), documents.vectors)
        for (_, place) in own {
          let score = result.scores[0, place - places.lowerBound]
          best[query].offer(TopDocuments.Entry(score: score, document: candidates.documents[place]))
        }
      }
    }
    return try measured(collection, exact.merge(best, length: length), agreement: { nil }).evaluation
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
