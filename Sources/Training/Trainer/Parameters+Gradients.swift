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

  /// Sums the gradients over all ranks, of which each keeps those of its own shard: the others' are then of no use.
  ///
  /// The sums have the bits that `GradientSums` gives. Collective: every rank calls it.
  func sumShardGradients(_ shards: ParameterShards, _ communicator: any Communicator) throws {
    for (gradients, ranges) in storedParts(shards.ranges) {
      let own = gradients.rows(ranges[communicator.rank])
      try gradients.withSpan { all in
        try own.withMutableSpan {
          try communicator.reduceScatterSum(all, into: &$0, rowCounts: ranges.map(\.count), columns: 1)
        }
      }
    }
  }

  /// Gives every rank the values that each rank has updated. Collective: every rank calls it.
  func gatherValues(_ shards: ParameterShards, _ communicator: any Communicator) throws {
    let all = allValues.reshaped(rows: allValues.count, columns: 1)
    try all.rows(shards.own).withSpan { own in
      try all.withMutableSpan {
        try communicator.allGather(own, into: &$0, rowCounts: shards.ranges.map(\.count), columns: 1)
      }
    }
  }

  /// The gradients that are stored of a stretch of the flat buffers.
  func storedGradients(_ range: Range<Int>) -> [Matrix] {
    storedParts([range]).map { $0.gradients.rows($0.ranges[0]) }
  }

  /// Each gradient buffer, `[floats × 1]`, and which of its rows belong to each of the flat buffers' `ranges`.
  private func storedParts(_ ranges: [Range<Int>]) -> [(gradients: Matrix, ranges: [Range<Int>])] {
    func column(_ matrix: Matrix) -> Matrix { matrix.reshaped(rows: matrix.count, columns: 1) }
    let wordCount = layout.trainedWords?.count ?? 0
    let dense = ranges.map { max(0, $0.lowerBound - wordCount)..<max(0, $0.upperBound - wordCount) }
    guard let words = wordGradients else { return [(column(allGradients), dense)] }
    func stored(_ element: Int) -> Int { words.storedCount(before: min(element, wordCount)) }
    return [
      (column(words.values), ranges.map { stored($0.lowerBound)..<stored($0.upperBound) }),
      (column(allGradients), dense),
    ]
  }
}
