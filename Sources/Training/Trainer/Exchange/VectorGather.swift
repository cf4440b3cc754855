import Communication
import Tensors

/// The vectors of all ranks' queries, or of their documents, gathered chunk by chunk: a chunk's cross the network while
/// the next is encoded.
final class VectorGather {
  /// `[vectors of all ranks × dimension]`, in the order of ranks; all there after `finish`.
  let vectors: Matrix
  /// This rank's: to be filled in order.
  let own: Matrix
  /// Which rows each rank brings with its first chunk, with its second and so on, of those that are not begun.
  private var pieces: [[Range<Int>]] = []
  private let work: BegunWork
  private let overlap: Bool

  /// - Parameters:
  ///   - rowCounts: how many vectors each chunk of each rank has.
  ///   - overlap: whether a chunk's leave before the last is encoded.
  init(rowCounts: [[Int]], columns: Int, overlap: Bool, in arena: Arena, _ communicator: any Communicator) {
    let starts = rowCounts.reduce(into: [0]) { $0.append($0.last! + $1.reduce(0, +)) }
    vectors = arena.matrix(rows: starts.last!, columns: columns)
    own = vectors.rows(starts[communicator.rank]..<starts[communicator.rank + 1])
    work = BegunWork(communicator)
    self.overlap = overlap
    guard communicator.rankCount > 1 else { return }
    pieces = (0..<(rowCounts.map(\.count).max() ?? 0)).map { piece in
      zip(rowCounts, starts).map { counts, start in
        let first = start + counts.prefix(piece).reduce(0, +)
        return first..<first + (piece < counts.count ? counts[piece] : 0)
      }
    }
  }

  /// Sends this rank's next chunk, which is in place, on its way.
  func begin() {
    if overlap && !pieces.isEmpty { work.attempt { try beginNext() } }
  }

  /// Gives what was begun a chance to go on.
  func advance() { work.advance() }

  /// Returns when everything is in place. Collective: every rank calls it.
  func finish() throws {
    try work.finish { while !pieces.isEmpty { try beginNext() } }
  }

  private func beginNext() throws {
    try work.communicator.beginGather(vectors, places: pieces.removeFirst(), columns: vectors.columns)
  }
}
