/// What one global batch is made of, and how it is cut. Every rank holds the same plan.
package struct BatchPlan: Equatable, Sendable {
  /// One query of the batch with the documents drawn for it.
  package struct Slot: Equatable, Sendable {
    /// The row's number in the training data.
    package let row: Int
    /// How often the row was taken before: what its documents are drawn by. The epoch, if its file has no weight.
    package let pass: Int
    /// Which of the row's positives.
    package let positive: Int
    /// Which of the row's negatives, in the order in which the batch has them; fewer than asked for where the row has fewer.
    package let negatives: [Int]
  }

  package let epoch: Int
  package let slots: [Slot]

  /// The slots that `rank` reads: neighbours, as equal as can be, none if there are fewer queries than ranks.
  package func share(rank: Int, rankCount: Int) -> Range<Int> {
    precondition(rankCount > 0 && rank >= 0 && rank < rankCount, "rank \(rank) of \(rankCount)")
    return slots.indices.part(rank, of: rankCount)
  }
}

extension Range<Int> {
  /// Part `index` of these n numbers cut in `parts`: [n·index/parts, n·(index+1)/parts) of them.
  package func part(_ index: Int, of parts: Int) -> Range<Int> {
    lowerBound + count * index / parts..<lowerBound + count * (index + 1) / parts
  }
}
