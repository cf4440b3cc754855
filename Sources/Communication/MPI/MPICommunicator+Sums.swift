internal import CMPI

extension MPICommunicator {
  package func allReduceSum(_ values: inout MutableSpan<Float>) throws(CommunicationError) {
    try announce(.floats(.allReduceSum, count: values.count))
    guard rankCount > 1 else { return }
    try unsafe values.withUnsafeMutableBufferPointer { (values) throws(CommunicationError) in
      for start in stride(from: 0, to: values.count, by: scratchCount) {
        let count = min(scratchCount, values.count - start)
        try unsafe sumBlock(values.baseAddress! + start, count: count)
      }
    }
  }

  /// Sums one block: each rank receives its part of it from all, adds them up, and gives the sum to all.
  private func sumBlock(_ block: UnsafeMutablePointer<Float>, count: Int) throws(CommunicationError) {
    let starts = (0...rankCount).map { $0 * count / rankCount }
    let mine = starts[rank]..<starts[rank + 1]
    let received = unsafe buffers.scratch(rankCount * mine.count)
    for other in 0..<rankCount where other != rank {
      unsafe buffers.sendCounts[other] = Int32(starts[other + 1] - starts[other])
      unsafe buffers.receiveCounts[other] = Int32(mine.count)
    }
    for other in 0..<rankCount {
      unsafe buffers.sendStarts[other] = Int32(starts[other])
      unsafe buffers.receiveStarts[other] = Int32(other * mine.count)
    }
    try unsafe exchangeParts(.allReduceSum, from: block, into: received, type: cmpi_float(), on: gradients)
    let own = unsafe block + mine.lowerBound
    unsafe sumInOrder(parts(own: own, received: received, count: mine.count), count: mine.count, into: own)
    try unsafe shareParts(of: block, starts: starts)
  }

  /// Gives every rank the part of `block` that each rank has summed.
  private func shareParts(of block: UnsafeMutablePointer<Float>, starts: [Int]) throws(CommunicationError) {
    for other in 0..<rankCount {
      unsafe buffers.receiveCounts[other] = Int32(starts[other + 1] - starts[other])
      unsafe buffers.receiveStarts[other] = Int32(starts[other])
    }
    try unsafe complete(.allReduceSum) { request in
      unsafe MPI_Iallgatherv(
        cmpi_in_place(), 0, cmpi_float(),
        block, buffers.receiveCounts, buffers.receiveStarts, cmpi_float(), gradients, &request)
    }
  }

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
      let theirs = block.clamped(to: 0..<rowCounts[other])
      unsafe buffers.sendCounts[other] = Int32(theirs.count)
      unsafe buffers.sendStarts[other] = Int32(starts[other] + theirs.lowerBound)
      unsafe buffers.receiveCounts[other] = Int32(mine.count)
      unsafe buffers.receiveStarts[other] = Int32(other * mine.count)
    }
    let type = unsafe try rowType(columns: columns)
    try unsafe exchangeParts(.reduceScatterSum, from: all.baseAddress, into: received, type: type, on: vectors)
    guard count > 0, let base = all.baseAddress, let target = local.baseAddress else { return }
    let own = unsafe base + (starts[rank] + mine.lowerBound) * columns
    unsafe sumInOrder(
      parts(own: own, received: received, count: count), count: count, into: target + mine.lowerBound * columns)
  }

  /// Sends each rank its part and receives this rank's from each, as the buffers' counts say. Nothing goes to oneself.
  private func exchangeParts(
    _ operation: Announcement.Operation, from source: UnsafePointer<Float>?, into received: UnsafeMutablePointer<Float>,
    type: MPI_Datatype, on communicator: MPI_Comm
  ) throws(CommunicationError) {
    unsafe buffers.sendCounts[rank] = 0
    unsafe buffers.receiveCounts[rank] = 0
    try unsafe complete(operation) { request in
      unsafe MPI_Ialltoallv(
        source, buffers.sendCounts, buffers.sendStarts, type,
        received, buffers.receiveCounts, buffers.receiveStarts, type, communicator, &request)
    }
  }

  /// The parts of all ranks, in rank order: this rank's own where it lies, the others' where they arrived.
  private func parts(
    own: UnsafePointer<Float>, received: UnsafeMutablePointer<Float>, count: Int
  ) -> [UnsafePointer<Float>] {
    unsafe (0..<rankCount).map { unsafe $0 == rank ? own : UnsafePointer(received + $0 * count) }
  }
}
