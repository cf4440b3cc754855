internal import CMPI

/// Collectives that are begun, go on while the caller computes, and are finished together.
extension MPICommunicator {
  package func beginGather(
    _ all: any LastingFloats, places: [Range<Int>], columns: Int
  ) throws(CommunicationError) {
    if let broken { throw broken }
    precondition(places.count == rankCount, "\(places.count) places for \(rankCount) ranks")
    precondition(
      places.allSatisfy { 0 <= $0.lowerBound && $0.upperBound * columns <= all.count },
      "\(places) are not among \(all.count) values in rows of \(columns)")
    try requireCountable(places.map(\.upperBound).max()!, "rows", in: .allGather)
    let gather = GatherUnderWay(buffers: MPIBuffers(rankCount: rankCount))
    for (other, place) in places.enumerated() {
      unsafe gather.buffers.receiveCounts[other] = Int32(place.count)
      unsafe gather.buffers.receiveStarts[other] = Int32(place.lowerBound)
    }
    do {
      let type = unsafe try rowType(columns: columns)
      try all.withMutableSpan { (all) throws(CommunicationError) in
        try unsafe all.withUnsafeMutableBufferPointer { (all) throws(CommunicationError) in
          try check(
            "MPI_Iallgatherv",
            unsafe MPI_Iallgatherv(
              cmpi_in_place(), 0, type,
              all.baseAddress, gather.buffers.receiveCounts, gather.buffers.receiveStarts, type, vectors,
              &gather.request), context: context)
        }
      }
    } catch {
      throw give(up: error)
    }
    gathers.append(gather)
    begunCount += places.reduce(0) { $0 + $1.count } * columns
  }

  package func advance() throws(CommunicationError) {
    if let broken { throw broken }
    do { try advanceBegun() } catch { throw give(up: error) }
  }

  package func finish() throws(CommunicationError) {
    try announce(.floats(.finish, count: begunCount))
    begunCount = 0
    try complete(.finish) { () throws(CommunicationError) in
      try advanceBegun()
      return unsafe gathers.isEmpty && sums.waiting.isEmpty
    }
  }

  private func advanceBegun() throws(CommunicationError) {
    while let gather = gathers.first, try unsafe isDone(&gather.request, .allGather) { gathers.removeFirst() }
    try advanceSums()
  }
}

/// A gather that has been begun: MPI reads its buffers until it is done.
@safe final class GatherUnderWay {
  let buffers: MPIBuffers
  var request: MPI_Request? = unsafe cmpi_request_null()

  init(buffers: MPIBuffers) { self.buffers = buffers }
}
