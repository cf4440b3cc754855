import Checkpoints
import Communication
import LateInteraction
import Tensors
import Tokenizers

/// What the heads make of texts that the ranks encoded in shares, end to end on every rank.
final class CollectedVectors {
  private let storage: Arena
  let texts: EncodedTexts
  /// The token id of each row of the vectors.
  let ids: [Int]

  var vectors: TextVectors { texts.vectors }

  /// Encodes `count` texts, each rank its contiguous share, and gathers what comes of them. Collective: every rank calls it.
  init(
    _ count: Int, _ vectorizer: TextVectorizer, communicator: any Communicator, text: (Int) throws -> String,
    location: (Int) -> String
  ) throws {
    var vectors = OwnRows()
    var dense = OwnRows()
    var weights = OwnRows()
    var ids: [Int] = []
    var sparseIDs: [Int] = []
    let share = communicator.share(of: count)
    try communicator.together("encoding texts") {
      try vectorizer.forEachBlock(share, text: text, location: location) { _, batch, texts in
        vectors.append(texts.vectors)
        ids += batch.vectorTokens.map { Int(batch.ids[$0]) }
        guard let own = texts.dense, let sparse = texts.sparse else { return }
        dense.append(TextVectors(rows: own, starts: Array(0...texts.count)))
        weights.append(sparse.weights)
        sparseIDs += sparse.ids.map(Int.init)
      }
    }
    let storage = Arena()
    self.storage = storage
    self.ids = try communicator.allGather(ids).flatMap { $0 }
    let shape = vectorizer.model.model.head.shape
    let all = try communicator.gather(vectors, columns: vectorizer.dimension, in: storage)
    guard vectorizer.heads == .all else {
      texts = EncodedTexts(vectors: all)
      return
    }
    texts = EncodedTexts(
      vectors: all, dense: try communicator.gather(dense, columns: shape.width, in: storage).rows,
      sparse: SparseVectors(
        ids: try communicator.allGather(sparseIDs).joined().map(Int32.init),
        weights: try communicator.gather(weights, columns: 1, in: storage)))
  }
}

/// Rows of this rank's texts, end to end.
private struct OwnRows {
  var values: [Float] = []
  var lengths: [Int] = []

  mutating func append(_ texts: TextVectors) {
    values += texts.rows.values
    lengths += texts.lengths
  }
}

extension Communicator {
  /// The contiguous share of `count` things that is this rank's.
  func share(of count: Int) -> Range<Int> { shardRange(of: count, rank: rank, rankCount: rankCount) }

  /// The rows of all ranks. Collective: every rank calls it.
  fileprivate func gather(_ own: OwnRows, columns: Int, in storage: Arena) throws -> TextVectors {
    let lengths = try allGather(own.lengths)
    let starts = lengths.joined().reduce(into: [0]) { $0.append($0.last! + $1) }
    let rows = storage.matrix(rows: starts.last!, columns: columns)
    try rows.withMutableSpan { all in
      try allGather(own.values.span, into: &all, rowCounts: lengths.map { $0.reduce(0, +) }, columns: columns)
    }
    return TextVectors(rows: rows, starts: starts)
  }
}
