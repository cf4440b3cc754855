internal import CMPI
internal import Glibc

extension MPICommunicator {
  /// Tells the other ranks what this one is about to do, and returns what they are, in rank order, when all have told.
  ///
  /// Waiting for a rank that still computes happens here, before any data is on the way.
  @discardableResult
  func announce(_ announcement: Announcement) throws(CommunicationError) -> [Announcement] {
    if let broken { throw broken }
    let start = ContinuousClock.now
    defer { waited += .now - start }
    let wordCount = Announcement.wordCount
    for (index, word) in announcement.words.enumerated() { unsafe buffers.announcement[index] = word }
    try unsafe complete(announcement.operation, isPatient: true) { request in
      unsafe MPI_Iallgather(
        buffers.announcement, Int32(wordCount), cmpi_int64(),
        buffers.announcements, Int32(wordCount), cmpi_int64(), control, &request)
    }
    let everyones = (0..<rankCount).map { rank in
      Announcement(words: (0..<wordCount).map { unsafe buffers.announcements[rank * wordCount + $0] })
    }
    if let disagreement = Announcement.disagreement(in: everyones) {
      throw give(up: CommunicationError(operation: announcement.name, message: disagreement, context: context))
    }
    return everyones
  }

  /// Starts a non-blocking collective and polls until it is done.
  /// - Parameter isPatient: whether others may be long in coming; then waiting gives the processor away.
  func complete(
    _ operation: Announcement.Operation, isPatient: Bool = false, start: (inout MPI_Request?) -> Int32
  ) throws(CommunicationError) {
    var request: MPI_Request? = unsafe cmpi_request_null()
    do {
      try check("\(operation)", unsafe start(&request), context: context)
      try poll(operation, isPatient: isPatient) { () throws(CommunicationError) in
        try unsafe isDone(&request, operation)
      }
    } catch {
      throw give(up: error)
    }
  }

  /// Polls until `isDone`, which goes on with what was begun.
  func complete(
    _ operation: Announcement.Operation, _ isDone: () throws(CommunicationError) -> Bool
  ) throws(CommunicationError) {
    do { try poll(operation, isPatient: false, isDone) } catch { throw give(up: error) }
  }

  /// Starts several transfers and polls until all are done.
  func completeAll(
    _ operation: Announcement.Operation, start: (inout [MPI_Request?]) throws(CommunicationError) -> Void
  ) throws(CommunicationError) {
    var requests: [MPI_Request?] = unsafe []
    do {
      unsafe try start(&requests)
      for index in unsafe requests.indices {
        try poll(operation, isPatient: false) { () throws(CommunicationError) in
          try unsafe isDone(&requests[index], operation)
        }
      }
    } catch {
      throw give(up: error)
    }
  }

  /// Polls until `isDone`, with an eye on the time.
  func poll(
    _ operation: Announcement.Operation, isPatient: Bool, _ isDone: () throws(CommunicationError) -> Bool
  ) throws(CommunicationError) {
    var clock = WaitingClock()
    var limit = timeout
    while try !isDone() {
      clock.tick()
      clock.rest(isPatient: isPatient)
      guard clock.isRollCallDue else { continue }
      if try answerRollCall() != nil { limit = max(limit, clock.waited + RollCall.patience) }
      guard clock.waited > limit else { continue }
      if let missing = try callTheRoll() {
        throw CommunicationError(
          operation: "\(operation)", message: waitedInVain(clock.waited, missing: missing), context: context)
      }
      limit = clock.waited + RollCall.patience
    }
  }

  func isDone(
    _ request: inout MPI_Request?, _ operation: Announcement.Operation
  ) throws(CommunicationError) -> Bool {
    var done: Int32 = 0
    try check("\(operation)", unsafe MPI_Test(&request, &done, cmpi_status_ignore()), context: context)
    return done != 0
  }

  /// Keeps the buffers for good: MPI may still write to them.
  func give(up error: CommunicationError) -> CommunicationError {
    if broken == nil {
      for kept in [buffers, sums.buffers] + gathers.map(\.buffers) { _ = unsafe Unmanaged.passRetained(kept) }
    }
    broken = error
    return error
  }

  private func waitedInVain(_ waited: Duration, missing: [Int]) -> String {
    let names = missing.map { "rank \($0) on \(hostNames.isEmpty ? "unknown host" : hostNames[$0])" }
    return "rank \(rank) on \(hostName) waited \(waited.components.seconds) s; "
      + (names.isEmpty ? "all ranks wait: is the network down?" : "missing: \(names.joined(separator: ", "))")
  }
}

/// How long a rank has waited, and how to wait without harm to others.
private struct WaitingClock {
  private(set) var waited: Duration = .zero
  private var last = ContinuousClock.now
  private var nextRollCall: Duration = .milliseconds(100)

  /// Time in which the process did not run (a suspended job) counts for a second at most.
  mutating func tick() {
    let now = ContinuousClock.now
    waited += min(now - last, .seconds(1))
    last = now
  }

  /// Polls hard at first, when the others are about to answer; then lets other threads have the core; then sleeps: a core
  /// that polls takes its share of what it has in common with the core of a rank that still computes.
  func rest(isPatient: Bool) {
    if waited < .microseconds(500) { return }
    if isPatient && waited > .milliseconds(2) { usleep(100) } else { sched_yield() }
  }

  var isRollCallDue: Bool {
    mutating get {
      guard waited >= nextRollCall else { return false }
      nextRollCall = waited + .milliseconds(100)
      return true
    }
  }
}
