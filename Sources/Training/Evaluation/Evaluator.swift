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

  /// - Parameter dimension: how many first components of the vectors count; nil: all.
  package init(_ model: LoadedModel, dimension: Int? = nil, communicator: any Communicator) {
    exact = ExactSearch(model: model, communicator: communicator, narrowedTo: dimension)
  }

  /// Scores every query against every document. Collective: every rank calls it, and gets the same figures.
  package func evaluate(_ collection: RetrievalCollection) throws -> Evaluation {
    try evaluate(collection, against: nil).evaluation
  }

  /// The same, also by the first components alone; and how much the dense and sparse scores agree with `start`, which
  /// `hybridRankings` gave of another model.
  ///
  /// - Parameter narrower: dimensions; no text is encoded again for them.
  func evaluate(
    _ collection: RetrievalCollection, narrower: [Int] = [], against start: HybridRankings?
  ) throws -> EvaluationOutcome {
    let queries = try encodeQueries(collection, heads: start == nil ? .colbert : .all)
    var searches = ([nil] + narrower).map {
      DimensionSearch(queries.vectors, dimension: $0, length: RetrievalMetrics.rankingLength, exact)
    }
    var hybrid = start.map { _ in HybridRankings(queryCount: collection.queries.count) }
    try search(collection, heads: start == nil ? .colbert : .all) { numbers, documents in
      for index in searches.indices { searches[index].offer(numbers, documents.vectors) }
      hybrid?.offer(numbers, queries.texts, documents, on: model.model.pool)
    }
    let merged = try searches.map { try exact.merge($0.best, length: RetrievalMetrics.rankingLength) }
    let mergedHybrid = try hybrid.map(merge)
    let whole = try measured(collection, merged[0]) { start.map { mergedHybrid!.agreement(with: $0) } }
    let others = try merged.dropFirst().map { try measured(collection, $0) { nil }.evaluation.result }
    return EvaluationOutcome(
      evaluation: whole.evaluation, narrower: Array(zip(narrower, others)), agreement: whole.agreement)
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

  private func merge(_ hybrid: HybridRankings) throws -> HybridRankings {
    HybridRankings(
      dense: try exact.merge(hybrid.dense, length: HybridRankings.length),
      sparse: try exact.merge(hybrid.sparse, length: HybridRankings.length))
  }
}

/// What a search of a collection gave.
struct EvaluationOutcome {
  let evaluation: Evaluation
  /// By the first components alone.
  let narrower: [(dimension: Int, result: EvaluationResult)]
  /// nil where nothing was compared.
  let agreement: Agreement?
}

/// Each query's best documents by the first components of all vectors.
private struct DimensionSearch {
  private let exact: ExactSearch
  private let queries: TextVectors
  /// nil: all components.
  private let dimension: Int?
  private let storage = Arena()
  private let block = Arena()
  private(set) var best: [TopDocuments]

  init(_ queries: TextVectors, dimension: Int?, length: Int, _ exact: ExactSearch) {
    self.exact = exact
    self.dimension = dimension
    let storage = storage
    self.queries =
      dimension.map { NarrowedVectors(queries, dimension: $0, in: storage, on: exact.model.model.pool).vectors }
      ?? queries
    best = Array(repeating: TopDocuments(capacity: length), count: queries.count)
  }

  mutating func offer(_ numbers: Range<Int>, _ documents: TextVectors) {
    block.reset()
    let narrowed =
      dimension.map { NarrowedVectors(documents, dimension: $0, in: block, on: exact.model.model.pool).vectors }
      ?? documents
    let result = exact.scores(queries, narrowed)
    for query in best.indices {
      for (column, document) in numbers.enumerated() {
        best[query].offer(TopDocuments.Entry(score: result.scores[query, column], document: document))
      }
    }
  }
}
