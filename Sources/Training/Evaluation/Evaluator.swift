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
    let queries = try CollectedVectors(
      collection.queries.count, TextVectorizer(model: model, role: .query), communicator: communicator,
      text: { collection.queries[$0].text }, location: collection.location(ofQuery:))
    var best = Array(
      repeating: TopDocuments(capacity: RetrievalMetrics.rankingLength), count: collection.queries.count)
    try communicator.together("searching the corpus") {
      try search(queries.vectors, collection, communicator.share(of: collection.documentCount), &best)
    }
    let merged = try merge(best)
    return try communicator.onRoot("measuring the rankings") {
      let metrics = zip(collection.queries, merged).map { query, top in
        RetrievalMetrics(JudgedRanking(ranking: top.ranked.map(\.document), grades: query.grades))
      }
      return EvaluationResult(
        RetrievalMetrics(meanOf: metrics), queries: metrics.count, documents: collection.documentCount)
    }
  }

  private func search(
    _ queries: TextVectors, _ collection: RetrievalCollection, _ documents: Range<Int>, _ best: inout [TopDocuments]
  ) throws {
    let vectorizer = TextVectorizer(model: model, role: .document)
    try vectorizer.forEachBlock(
      documents, text: collection.document, location: collection.location(ofDocument:)
    ) { numbers, _, vectors in
      let result = maxSim(
        queries, vectors, reduction: model.model.reduction, keepsWinners: false, on: model.model.pool)
      for query in best.indices {
        for (column, document) in numbers.enumerated() {
          best[query].offer(TopDocuments.Entry(score: result.scores[query, column], document: document))
        }
      }
    }
  }

  /// The best documents over all ranks; complete on rank 0. Collective: every rank calls it.
  ///
  /// A thousand queries at a time, so that a message stays small however many there are.
  private func merge(_ best: [TopDocuments]) throws -> [TopDocuments] {
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
      var tops = Array(repeating: TopDocuments(capacity: RetrievalMetrics.rankingLength), count: part.count)
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
