internal import CMPI

extension MPICommunicator {
  package func allGather(
    _ local: Span<Float>, into all: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) {
    checkRows(
      local: local.count, all: all.count, rowCounts: rowCounts, columns: columns, rank: rank, rankCount: rankCount)
    try announce(.rows(.allGather, rowCounts: rowCounts, columns: columns))
    let type = unsafe try rowType(columns: columns)
    try unsafe local.withUnsafeBytes { (local) throws(CommunicationError) in
      try unsafe all.withUnsafeMutableBytes { (all) throws(CommunicationError) in
        try unsafe gather(.allGather, local, into: all, counts: rowCounts, unit: "rows", type: type, on: vectors)
      }
    }
  }

  package func allGather(bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]] {
    let counts = try announce(Announcement(operation: .allGatherBytes, byteCount: bytes.count)).map { $0.byteCount }
    var all = [UInt8](repeating: 0, count: counts.reduce(0, +))
    try unsafe bytes.span.withUnsafeBytes { (bytes) throws(CommunicationError) in
      var target = all.mutableSpan
      try unsafe target.withUnsafeMutableBytes { (all) throws(CommunicationError) in
        try unsafe gather(
          .allGatherBytes, bytes, into: all, counts: counts, unit: "bytes", type: cmpi_byte(), on: control)
      }
    }
    return zip(rowStarts(counts), counts).map { Array(all[$0..<$0 + $1]) }
  }

  private func gather(
    _ operation: Announcement.Operation, _ local: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer,
    counts: [Int], unit: String, type: MPI_Datatype, on communicator: MPI_Comm
  ) throws(CommunicationError) {
    let (starts, total) = (rowStarts(counts), counts.reduce(0, +))
    try requireCountable(total, unit, in: operation)
    for (other, start) in starts.enumerated() {
      unsafe buffers.receiveCounts[other] = Int32(counts[other])
      unsafe buffers.receiveStarts[other] = Int32(start)
    }
    // MPI wants to be told when what is sent lies where it is received.
    let place = unsafe all.baseAddress.map { unsafe UnsafeRawPointer($0 + starts[rank] * (all.count / max(1, total))) }
    let isInPlace = unsafe rankCount > 1 && counts[rank] > 0 && local.baseAddress == place
    let sent = unsafe isInPlace ? UnsafeRawPointer(cmpi_in_place()) : local.baseAddress
    try unsafe complete(operation) { request in
      unsafe MPI_Iallgatherv(
        sent, Int32(counts[rank]), type,
        all.baseAddress, buffers.receiveCounts, buffers.receiveStarts, type, communicator, &request)
    }
  }

  package func broadcast(_ bytes: [UInt8], from root: Int) throws(CommunicationError) -> [UInt8] {
    precondition((0..<rankCount).contains(root), "root \(root) of \(rankCount) ranks")
    let byteCount = rank == root ? bytes.count : 0
    let everyones = try announce(Announcement(operation: .broadcast, shape: [root], byteCount: byteCount))
    var message = rank == root ? bytes : [UInt8](repeating: 0, count: everyones[root].byteCount)
    var target = message.mutableSpan
    try unsafe target.withUnsafeMutableBytes { (message) throws(CommunicationError) in
      let pieceCount = 1 << 30  // MPI counts in 32 bits
      for start in stride(from: 0, to: message.count, by: pieceCount) {
        let count = Int32(min(pieceCount, message.count - start))
        try unsafe complete(.broadcast) { request in
          unsafe MPI_Ibcast(message.baseAddress! + start, count, cmpi_byte(), Int32(root), control, &request)
        }
      }
    }
    return message
  }

  package func barrier() throws(CommunicationError) {
    try announce(Announcement(operation: .barrier))
  }

  /// Throws, on every rank, when MPI's 32-bit counts cannot say how much there is.
  func requireCountable(_ count: Int, _ unit: String, in operation: Announcement.Operation) throws(CommunicationError) {
    guard count > Int(Int32.max) else { return }
    throw CommunicationError(
      operation: "\(operation)", message: "\(count) \(unit) are more than MPI can count (2^31 − 1): use smaller parts",
      context: context)
  }
}
