internal import CMPI
internal import Glibc

/// A rank that has waited too long asks the others whether they wait too. Those that do not answer are computing,
/// stopped or lost: they are the ones missing.
enum RollCall {
  /// How long the others have to answer; they look every 100 ms while they wait.
  static let grace: Duration = .seconds(2)
  /// How long a rank that was asked leaves it to the one that asked to end the job.
  static let patience: Duration = .seconds(10)
  fileprivate static let question: Int32 = 1
  fileprivate static let answer: Int32 = 2
}

extension MPICommunicator {
  /// Answers the ranks that have called the roll, and returns the lowest of them.
  func answerRollCall() throws(CommunicationError) -> Int? {
    var lowest: Int?
    while let caller = try receive(RollCall.question) {
      try send(RollCall.answer, to: caller)
      lowest = min(lowest ?? caller, caller)
    }
    return lowest
  }

  /// The ranks that do not wait in a collective; nil if a lower rank is calling the roll as well: it is left to it.
  func callTheRoll() throws(CommunicationError) -> [Int]? {
    var missing = Set(0..<rankCount).subtracting([rank])
    for other in missing { try send(RollCall.question, to: other) }
    let end = ContinuousClock.now + RollCall.grace
    while ContinuousClock.now < end, !missing.isEmpty {
      while let present = try receive(RollCall.answer) { missing.remove(present) }
      if let caller = try answerRollCall(), caller < rank { return nil }
      usleep(1000)
    }
    return missing.sorted()
  }

  /// Sends an empty message. It is never waited for: its receiver may be lost.
  private func send(_ tag: Int32, to other: Int) throws(CommunicationError) {
    var request: MPI_Request? = unsafe cmpi_request_null()
    try check("MPI_Isend", unsafe MPI_Isend(nil, 0, cmpi_byte(), Int32(other), tag, control, &request))
    try check("MPI_Request_free", unsafe MPI_Request_free(&request))
  }

  /// The sender of an empty message that has arrived.
  private func receive(_ tag: Int32) throws(CommunicationError) -> Int? {
    var arrived: Int32 = 0
    var status = MPI_Status()
    try check("MPI_Iprobe", unsafe MPI_Iprobe(MPI_ANY_SOURCE, tag, control, &arrived, &status))
    guard arrived != 0 else { return nil }
    let source = status.MPI_SOURCE
    try check("MPI_Recv", unsafe MPI_Recv(nil, 0, cmpi_byte(), source, tag, control, cmpi_status_ignore()))
    return Int(source)
  }
}
