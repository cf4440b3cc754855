import Communication
import LateInteraction
import Tensors

extension Parameters {
  /// Empties the gradients and makes room for those of the words that a global batch reads.
  ///
  /// The rows are the same on every rank and at every cut. Collective: every rank calls it, with its share.
  func openGradients(for batch: RankBatch, _ communicator: any Communicator) throws {
    clear(allGradients)
    guard let wordGradients else { return }
    let own = Set(batch.chunks.flatMap(\.tokens.ids)).map(Int.init)
    let all = try communicator.allGather(own)
    wordGradients.open(Set(all.joined()).sorted().map { Int32($0) })
  }

  /// Sums the gradients over all ranks: of the word table only the rows that the batch touched, which are never more
  /// than the dense table's.
  ///
  /// Collective: every rank calls it.
  func sumGradients(_ communicator: any Communicator) throws {
    try allGradients.withMutableSpan { try communicator.allReduceSum(&$0) }
    try wordGradients?.values.withMutableSpan { try communicator.allReduceSum(&$0) }
  }
}
