internal import CMPI

extension MPICommunicator {
  /// From rank to rank, rather than by `MPI_Ialltoallv`: a rank that has nothing to send or receive would not count that
  /// call (Open MPI 4.1, libnbc), and take the next one's messages for this one's.
  package func allToAll(
    _ outgoing: Span<Float>, into incoming: inout MutableSpan<Float>, counts: [[Int]]
  ) throws(CommunicationError) {
    checkParts(outgoing: outgoing.count, incoming: incoming.count, counts: counts, rank: rank, rankCount: rankCount)
    try announce(.parts(.allToAll, counts: counts))
    try requireCountable(counts.joined().max() ?? 0, "values for a rank", in: .allToAll)
    let (sent, received) = (counts[rank], counts.map { $0[rank] })
    let (sentStarts, receivedStarts) = (rowStarts(sent), rowStarts(received))
    try unsafe outgoing.withUnsafeBufferPointer { (outgoing) throws(CommunicationError) in
      try unsafe incoming.withUnsafeMutableBufferPointer { (incoming) throws(CommunicationError) in
        unsafe try completeAll(.allToAll) { (requests) throws(CommunicationError) in
          for other in 0..<rankCount where other != rank && received[other] > 0 {
            var request: MPI_Request? = unsafe cmpi_request_null()
            try check(
              "MPI_Irecv",
              unsafe MPI_Irecv(
                incoming.baseAddress! + receivedStarts[other], Int32(received[other]), cmpi_float(), Int32(other),
                allToAllTag, vectors, &request), context: context)
            unsafe requests.append(request)
          }
          for other in 0..<rankCount where other != rank && sent[other] > 0 {
            var request: MPI_Request? = unsafe cmpi_request_null()
            try check(
              "MPI_Isend",
              unsafe MPI_Isend(
                outgoing.baseAddress! + sentStarts[other], Int32(sent[other]), cmpi_float(), Int32(other),
                allToAllTag, vectors, &request), context: context)
            unsafe requests.append(request)
          }
        }
        guard sent[rank] > 0 else { return }
        unsafe (incoming.baseAddress! + receivedStarts[rank]).update(
          from: outgoing.baseAddress! + sentStarts[rank], count: sent[rank])
      }
    }
  }
}

private let allToAllTag: Int32 = 1
