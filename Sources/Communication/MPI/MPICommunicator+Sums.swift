internal import CMPI

/// Sums over all ranks that every rank gets. They are made one after the other, in stretches, by advancing them: nothing
/// here waits but `allReduceSum`.
extension MPICommunicator {
  package func allReduceSum(_ values: inout MutableSpan<Float>) throws(CommunicationError) {
    try announce(.floats(.allReduceSum, count: values.count))
    try unsafe values.withUnsafeMutableBufferPointer { (values) throws(CommunicationError) in
      unsafe sums.waiting.append(values)
      try complete(.allReduceSum) { () throws(CommunicationError) in
        try advanceSums()
        return unsafe sums.waiting.isEmpty
      }
    }
  }

  package func beginSum(_ values: any LastingFloats) throws(CommunicationError) {
    values.withMutableSpan { values in
      unsafe values.withUnsafeMutableBufferPointer { unsafe sums.waiting.append($0) }
    }
    begunCount += values.count
    try advance()
  }

  /// Goes on with the sums until what is on the way has not arrived yet.
  func advanceSums() throws(CommunicationError) {
    while let values = unsafe sums.waiting.first {
      if let stretch = sums.stretch {
        guard try unsafe isDone(&sums.request, .allReduceSum) else { return }
        try unsafe arrived(stretch, values)
      } else if rankCount == 1 || values.isEmpty {
        unsafe sums.waiting.removeFirst()
      } else {
        try unsafe exchange(0..<min(scratchCount, values.count), of: values)
      }
    }
  }

  /// Takes the next step with a stretch: what the others had of this rank's part is here, or everyone's sums are.
  private func arrived(
    _ stretch: Range<Int>, _ values: UnsafeMutableBufferPointer<Float>
  ) throws(CommunicationError) {
    if !sums.isShared {
      try unsafe sumAndShare(stretch, of: values)
    } else if stretch.upperBound < values.count {
      try unsafe exchange(
        stretch.upperBound..<min(stretch.upperBound + scratchCount, values.count), of: values)
    } else {
      sums.stretch = nil
      unsafe sums.waiting.removeFirst()
    }
  }

  /// Sends every rank its part of a stretch, and receives this rank's part of it from all.
  private func exchange(
    _ stretch: Range<Int>, of values: UnsafeMutableBufferPointer<Float>
  ) throws(CommunicationError) {
    let starts = partStarts(stretch.count)
    let mine = starts[rank + 1] - starts[rank]
    let buffers = sums.buffers
    let received = unsafe buffers.scratch(rankCount * mine)
    for other in 0..<rankCount {
      unsafe buffers.sendCounts[other] = other == rank ? 0 : Int32(starts[other + 1] - starts[other])
      unsafe buffers.sendStarts[other] = Int32(starts[other])
      unsafe buffers.receiveCounts[other] = other == rank ? 0 : Int32(mine)
      unsafe buffers.receiveStarts[other] = Int32(other * mine)
    }
    sums.stretch = stretch
    sums.isShared = false
    try check(
      "MPI_Ialltoallv",
      unsafe MPI_Ialltoallv(
        values.baseAddress! + stretch.lowerBound, buffers.sendCounts, buffers.sendStarts, cmpi_float(),
        received, buffers.receiveCounts, buffers.receiveStarts, cmpi_float(), gradients, &sums.request),
      context: context)
  }

  /// Adds up this rank's part of a stretch, and gives it to all as it receives theirs.
  private func sumAndShare(
    _ stretch: Range<Int>, of values: UnsafeMutableBufferPointer<Float>
  ) throws(CommunicationError) {
    let starts = partStarts(stretch.count)
    let mine = starts[rank + 1] - starts[rank]
    let buffers = sums.buffers
    let block = unsafe values.baseAddress! + stretch.lowerBound
    let own = unsafe block + starts[rank]
    unsafe sumInOrder(
      parts(own: own, received: buffers.scratch(rankCount * mine), count: mine), count: mine, into: own)
    for other in 0..<rankCount {
      unsafe buffers.receiveCounts[other] = Int32(starts[other + 1] - starts[other])
      unsafe buffers.receiveStarts[other] = Int32(starts[other])
    }
    sums.isShared = true
    try check(
      "MPI_Iallgatherv",
      unsafe MPI_Iallgatherv(
        cmpi_in_place(), 0, cmpi_float(),
        block, buffers.receiveCounts, buffers.receiveStarts, cmpi_float(), gradients, &sums.request),
      context: context)
  }

  /// Where each rank's part of a stretch of `count` floats starts, and the end of the last.
  private func partStarts(_ count: Int) -> [Int] { (0...rankCount).map { $0 * count / rankCount } }

  /// The parts of all ranks, in rank order: this rank's own where it lies, the others' where they arrived.
  func parts(
    own: UnsafePointer<Float>, received: UnsafeMutablePointer<Float>, count: Int
  ) -> [UnsafePointer<Float>] {
    unsafe (0..<rankCount).map { unsafe $0 == rank ? own : UnsafePointer(received + $0 * count) }
  }
}

/// Sums that have been asked for and are not made yet, and how far the first of them is.
@safe struct SumsUnderWay {
  /// In order; each stays where it is until it is made.
  var waiting: [UnsafeMutableBufferPointer<Float>] = unsafe []
  /// What of the first is on the way; nil: nothing.
  var stretch: Range<Int>?
  /// Whether the stretch is summed, and ranks give each other what they have summed.
  var isShared = false
  var request: MPI_Request? = unsafe cmpi_request_null()
  /// Apart from those of other collectives, which may come between.
  let buffers: MPIBuffers
}
