import LateInteraction
import Tensors

/// The documents that the dense and the sparse scores of each query rank first: what hybrid retrieval would start from.
struct HybridRankings {
  /// How many of a query's documents are compared.
  static let length = 10

  private(set) var dense: [TopDocuments]
  private(set) var sparse: [TopDocuments]

  /// Of `queryCount` queries before any document.
  init(queryCount: Int) {
    dense = Array(repeating: TopDocuments(capacity: Self.length), count: queryCount)
    sparse = dense
  }

  /// Of the same queries, when their documents have been searched in parts.
  init(dense: [TopDocuments], sparse: [TopDocuments]) {
    self.dense = dense
    self.sparse = sparse
  }

  /// Takes in documents, whose numbers are `numbers`; all heads must have encoded both.
  ///
  /// A document that shares no id with a query is not found by its sparse vector, as in an inverted index.
  mutating func offer(_ numbers: Range<Int>, _ queries: EncodedTexts, _ documents: EncodedTexts, on pool: ThreadPool) {
    let room = Arena()
    withExtendedLifetime(room) {
      let scores = room.matrix(rows: queries.count, columns: documents.count)
      pairProducts(queries.dense!, documents.dense!, into: scores, on: pool)
      for query in dense.indices { dense[query].offer(numbers, scores.rows(query..<query + 1).values) { _ in true } }
      sparseScores(queries.sparse!, documents.sparse!, into: scores, on: pool)
      for query in sparse.indices { sparse[query].offer(numbers, scores.rows(query..<query + 1).values) { $0 > 0 } }
    }
  }

  /// How much of it agrees with what `other` ranks first for the same queries.
  func agreement(with other: HybridRankings) -> Agreement {
    Agreement(
      dense: meanOverlap(dense, other.dense), sparse: meanOverlap(sparse, other.sparse))
  }
}

/// The share of each query's first documents that two models have in common, whatever their order, as a mean over the
/// queries, for each head: 1 if all, 0 if none.
struct Agreement: Codable, Equatable, Sendable {
  let dense: Double
  let sparse: Double
}

/// The mean of |A ∩ B| / max(|A|, |B|) over pairs of rankings; of two empty ones 1.
private func meanOverlap(_ a: [TopDocuments], _ b: [TopDocuments]) -> Double {
  precondition(a.count == b.count && !a.isEmpty, "rankings of \(a.count) and \(b.count) queries")
  let overlaps = zip(a, b).map { a, b in
    let (first, second) = (Set(a.ranked.map(\.document)), Set(b.ranked.map(\.document)))
    let larger = max(first.count, second.count)
    return larger == 0 ? 1 : Double(first.intersection(second).count) / Double(larger)
  }
  return overlaps.reduce(0, +) / Double(overlaps.count)
}

extension TopDocuments {
  fileprivate mutating func offer(_ numbers: Range<Int>, _ scores: [Float], where isFound: (Float) -> Bool) {
    for (document, score) in zip(numbers, scores) where isFound(score) {
      offer(Entry(score: score, document: document))
    }
  }
}
