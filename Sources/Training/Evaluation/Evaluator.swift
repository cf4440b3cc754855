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
  private let model: LoadedModel
  private let communicator: any Communicator

  package init(_ model: LoadedModel, communicator: any Communicator) {
    self.model = model
    self.communicator = communicator
  }

  /// Scores every query against every document. Collective: every rank calls it, and gets the same result.
  package func evaluate(_ collection: RetrievalCollection) throws -> EvaluationResult {
    try evaluate(collection, against: nil).result
  }

  /// The same, and how much the dense and sparse scores agree with `start`, which `hybridRankings` gave of another model.
  func evaluate(
    _ collection: RetrievalCollection, against start: HybridRankings?
  ) throws -> (result: EvaluationResult, agreement: Agreement?) {
    let queries = try encodeQueries(collection, heads: start == nil ? .colbert : .all)
    var best = Array(
      repeating: TopDocuments(capacity: RetrievalMetrics.rankingLength), count: collection.queries.count)
    var hybrid = start.map { _ in HybridRankings(queryCount: collection.queries.count) }
    try search(collection, heads: start == nil ? .colbert : .all) { numbers, documents in
      offer(numbers, queries.vectors, documents.vectors, to: &best)
      hybrid?.offer(numbers, queries.texts, documents, on: model.model.pool)
    }
    let merged = try merge(best, length: RetrievalMetrics.rankingLength)
    let mergedHybrid = try hybrid.map(merge)
    let measured = try communicator.onRoot("measuring the rankings") {
      let metrics = zip(collection.queries, merged).map { query, top in
        RetrievalMetrics(JudgedRanking(ranking: top.ranked.map(\.document), grades: query.grades))
      }
      return Measured(
        result: EvaluationResult(
          RetrievalMetrics(meanOf: metrics), queries: metrics.count, documents: collection.documentCount),
        agreement: start.map { mergedHybrid!.agreement(with: $0) })
    }
    return (measured.result, measured.agreement)
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
    try CollectedVectors(
      collection.queries.count, TextVectorizer(model: model, role: .query, heads: heads), communicator: communicator,
      text: { collection.queries[$0].text }, location: collection.location(ofQuery:))
  }

  /// Encodes this rank's share of the documents, a block after the other.
  private func search(
    _ collection: RetrievalCollection, heads: Heads, _ body: (Range<Int>, EncodedTexts) throws -> Void
  ) throws {
    try communicator.together("searching the corpus") {
      try TextVectorizer(model: model, role: .document, heads: heads).forEachBlock(
        communicator.share(of: collection.documentCount), text: collection.document,
        location: collection.location(ofDocument:)
      ) { numbers, _, texts in try body(numbers, texts) }
    }
  }

  private func offer(
    _ numbers: Range<Int>, _ queries: TextVectors, _ documents: TextVectors, to best: inout [TopDocuments]
  ) {
    let result = maxSim(
      queries, documents, reduction: model.model.reduction, keepsWinners: false, on: model.model.pool)
    for query in best.indices {
      for (column, document) in numbers.enumerated() {
        best[query].offer(TopDocuments.Entry(score: result.scores[query, column], document: document))
      }
    }
  }

  private func merge(_ hybrid: HybridRankings) throws -> HybridRankings {
    HybridRankings(
      dense: try merge(hybrid.dense, length: HybridRankings.length),
      sparse: try merge(hybrid.sparse, length: HybridRankings.length))
  }

  /// The best `length` documents over all ranks; complete on rank 0. Collective: every rank calls it.
  ///
  /// A thousand queries at a time, so that a message stays small however many there are.
  private func merge(_ best: [TopDocuments], length: Int) throws -> [TopDocuments] {
    guard communicator.rankCount > 1 else { return best }
    var merged: [TopDocuments] = []
    for first in stride(from: 0, to: best.count, by: 1_000) {
      let part = best[first..<min(best.count, first + 1_000)].map(\.ranked)
      // Each query's number of entries, then its entries as pairs of document and score.
      let packed = part.flatMap { entries in
        [entries.count] + entries.flatMap { [$0.document, Int($0.score.bitPattern)] }
      }
      let everyones = try communicator.allGather(packed)
      guard communicator.rank == 0 else { continue }
      var tops = Array(repeating: TopDocuments(capacity: length), count: part.count)
      for list in everyones {
        var position = 0
        for query in tops.indices {
          let count = list[position]
          for entry in stride(from: position + 1, to: position + 1 + 2 * count, by: 2) {
            let score = Float(bitPattern: UInt32(list[entry + 1]))
            tops[query].offer(TopDocuments.Entry(score: score, document: list[entry]))
          }
          position += 1 + 2 * count
        }
      }
      merged += tops
    }
    return merged
  }
}
