import Checkpoints
package import Communication

/// Which part of the flat buffers each rank keeps the moments of and updates (`optimizer.sharding`).
package struct ParameterShards: Sendable {
  /// Of each rank: contiguous, in the order of ranks, and as a checkpoint has them.
  package let ranges: [Range<Int>]
  /// Whether a rank updates its own range alone; else each updates all.
  package let isSharded: Bool
  private let rank: Int

  /// - Parameter count: the length of a flat buffer.
  package init(of count: Int, isSharded: Bool, _ communicator: any Communicator) {
    let rankCount = communicator.rankCount
    ranges = (0..<rankCount).map { shardRange(of: count, rank: $0, rankCount: rankCount) }
    rank = communicator.rank
    self.isSharded = isSharded
  }

  package var own: Range<Int> { ranges[rank] }
  /// What this rank updates.
  package var held: Range<Int> { isSharded ? own : 0..<ranges.last!.upperBound }
}
