internal import CMPI

extension MPICommunicator {
  package func reduceScatterSum(
    _ all: Span<Float>, into local: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) {
    checkRows(
      local: local.count, all: all.count, rowCounts: rowCounts, columns: columns, rank: rank, rankCount: rankCount)
    try announce(.rows(.reduceScatterSum, rowCounts: rowCounts, columns: columns))
    try requireCountable(rowCounts.reduce(0, +), "rows", in: .reduceScatterSum)
    let blockRows = max(1, scratchCount / (rankCount * columns))
    try unsafe all.withUnsafeBufferPointer { (all) throws(CommunicationError) in
      try unsafe local.withUnsafeMutableBufferPointer { (local) throws(CommunicationError) in
        for start in stride(from: 0, to: rowCounts.max()!, by: blockRows) {
          let block = start..<start + blockRows
          try unsafe sumRows(block, of: all, into: local, rowCounts: rowCounts, columns: columns)
        }
      }
    }
  }

  /// Sums the rows `block` of every rank's share, as far as it has so many; each rank keeps its own.
  private func sumRows(
    _ block: Range<Int>, of all: UnsafeBufferPointer<Float>, into local: UnsafeMutableBufferPointer<Float>,
    rowCounts: [Int], columns: Int
  ) throws(CommunicationError) {
    let starts = rowStarts(rowCounts)
    let mine = block.clamped(to: 0..<rowCounts[rank])
    let count = mine.count * columns
    let received = unsafe buffers.scratch(rankCount * count)
    for other in 0..<rankCount {
      // Nothing goes to oneself.
      let isOther = other != rank
      let theirs = block.clamped(to: 0..<rowCounts[other])
      unsafe buffers.sendCounts[other] = isOther ? Int32(theirs.count) : 0
      unsafe buffers.sendStarts[other] = Int32(starts[other] + theirs.lowerBound)
      unsafe buffers.receiveCounts[other] = isOther ? Int32(mine.count) : 0
      unsafe buffers.receiveStarts[other] = Int32(other * mine.count)
    }
    let type = unsafe try rowType(columns: columns)
    try unsafe complete(.reduceScatterSum) { request in
      unsafe MPI_Ialltoallv(
        all.baseAddress, buffers.sendCounts, buffers.sendStarts, type,
        received, buffers.receiveCounts, buffers.receiveStarts, type, vectors, &request)
    }
    guard count > 0, let base = all.baseAddress, let target = local.baseAddress else { return }
    let own = unsafe base + (starts[rank] + mine.lowerBound) * columns
    unsafe sumInOrder(
      parts(own: own, received: received, count: count), count: count, into: target + mine.lowerBound * columns)
  }
}
