import Checkpoints
import Communication
import LateInteraction
import Tensors
import Tokenizers

/// The vectors of texts that the ranks encoded in shares, end to end on every rank.
final class CollectedVectors {
  private let storage: Arena
  let vectors: TextVectors
  /// The token id of each row.
  let ids: [Int]

  /// Encodes `count` texts, each rank its contiguous share, and gathers the vectors. Collective: every rank calls it.
  init(
    _ count: Int, _ vectorizer: TextVectorizer, communicator: any Communicator, text: (Int) throws -> String,
    location: (Int) -> String
  ) throws {
    var own: [Float] = []
    var lengths: [Int] = []
    var ids: [Int] = []
    let share = communicator.share(of: count)
    try communicator.together("encoding texts") {
      try vectorizer.forEachBlock(share, text: text, location: location) { _, batch, vectors in
        own += vectors.rows.values
        lengths += vectors.lengths
        ids += batch.vectorTokens.map { Int(batch.ids[$0]) }
      }
    }
    let columns = vectorizer.model.model.head.shape.dimension
    let allLengths = try communicator.allGather(lengths)
    let starts = allLengths.joined().reduce(into: [0]) { $0.append($0.last! + $1) }
    self.ids = try communicator.allGather(ids).flatMap { $0 }
    let storage = Arena()
    self.storage = storage
    vectors = TextVectors(rows: storage.matrix(rows: starts.last!, columns: columns), starts: starts)
    try vectors.rows.withMutableSpan { all in
      try communicator.allGather(
        own.span, into: &all, rowCounts: allLengths.map { $0.reduce(0, +) }, columns: columns)
    }
  }
}

extension Communicator {
  /// The contiguous share of `count` things that is this rank's.
  func share(of count: Int) -> Range<Int> { shardRange(of: count, rank: rank, rankCount: rankCount) }
}
