package import LateInteraction
package import Tensors

/// The texts that a rank encodes at once: some queries of the global batch, then those queries' documents.
package struct Chunk: Sendable {
  package private(set) var tokens = TokenBatch()
  package let queryCount: Int

  /// - Parameters:
  ///   - queries: in the order of the global batch.
  ///   - documents: query after query, each one's positive first.
  package init(queries: [PlacedText], documents: [PlacedText]) {
    queryCount = queries.count
    for text in queries + documents {
      tokens.append(text.ids, keyCount: text.keyCount, givesVector: text.givesVector, place: text.place)
    }
  }

  /// The number of vectors of each query, then of each document.
  var queryLengths: [Int] { (0..<queryCount).map(length) }
  var documentLengths: [Int] { (queryCount..<tokens.textCount).map(length) }

  private func length(_ text: Int) -> Int { tokens.vectorStarts[text + 1] - tokens.vectorStarts[text] }
}

/// A tokenized text and its place in the global batch.
package struct PlacedText: Sendable {
  package let ids: [Int32]
  package let keyCount: Int
  package let givesVector: [Bool]
  package let place: Place

  package init(ids: [Int32], keyCount: Int, givesVector: [Bool], place: Place) {
    self.ids = ids
    self.keyCount = keyCount
    self.givesVector = givesVector
    self.place = place
  }
}

/// One rank's share of a global batch, cut into chunks; a share may be empty.
package struct RankBatch: Sendable {
  package let chunks: [Chunk]
  /// The queries of all ranks together.
  package let globalQueryCount: Int
  /// The documents of all ranks together.
  package let globalDocumentCount: Int
  /// Each own query's documents among those of all ranks, chunk by chunk.
  package let targets: [QueryTarget]

  package init(chunks: [Chunk], globalQueryCount: Int, globalDocumentCount: Int, targets: [QueryTarget]) {
    precondition(
      targets.count == chunks.reduce(0) { $0 + $1.queryCount }, "\(targets.count) targets for the queries of the share")
    self.chunks = chunks
    self.globalQueryCount = globalQueryCount
    self.globalDocumentCount = globalDocumentCount
    self.targets = targets
  }

  /// Where each own query stands in the global batch, chunk by chunk.
  var slots: [Int] { chunks.flatMap { chunk in chunk.tokens.places.prefix(chunk.queryCount).map(\.slot) } }

  /// Where each own document stands among those of all ranks, in the order in which they are encoded.
  var documentColumns: [Int] { targets.flatMap(\.documents) }

  /// How often a document is left out of an own query's loss.
  var maskedCount: Int { targets.reduce(0) { $0 + $1.masked.count } }

  /// The tokens of all own texts that attention can ask: no query expansion.
  package var realTokenCount: Int { chunks.reduce(0) { $0 + $1.tokens.keyCounts.reduce(0, +) } }
}
