internal import Foundation

/// Ranks that are threads of one process: the collectives of a whole cluster inside a test.
///
/// Its sums have the bits that `MPICommunicator`'s have.
package final class ThreadCommunicator: Communicator {
  package let rank: Int
  package var rankCount: Int { board.rankCount }
  package let hostName = localHostName()
  package var context = ""
  package var timeout: Duration = .seconds(600)
  private let board: Board

  private init(rank: Int, board: Board) {
    self.rank = rank
    self.board = board
  }

  /// Runs `body` once per rank, each on its own thread, and returns the results in rank order.
  ///
  /// When a rank throws, the others' collectives throw too; the caller gets the first rank's own error.
  package static func run<Value: Sendable>(
    rankCount: Int, _ body: @escaping @Sendable (ThreadCommunicator) throws -> Value
  ) throws -> [Value] {
    let board = Board(rankCount: rankCount)
    let outcomes = Outcomes<Value>(count: rankCount)
    for rank in 0..<rankCount {
      let thread = Thread {
        let outcome = Result { try body(ThreadCommunicator(rank: rank, board: board)) }
        board.leave(rank, outcome)
        outcomes.set(rank, outcome)
      }
      thread.stackSize = 8 << 20
      thread.start()
    }
    let ends = outcomes.wait()
    if let cause = board.cause { throw cause }
    return try ends.map { try $0.get() }
  }

  package func allReduceSum(_ values: inout MutableSpan<Float>) throws(CommunicationError) {
    try unsafe values.withUnsafeMutableBufferPointer { (values) throws(CommunicationError) in
      let everyones = unsafe try exchange(
        .floats(.allReduceSum, count: values.count), UnsafeRawBufferPointer(values))
      guard values.count > 0, let base = values.baseAddress else { return }
      unsafe sumInOrder(everyones.map { unsafe $0.floats }, count: values.count, into: base)
    }
  }

  package func allGather(
    _ local: Span<Float>, into all: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) {
    checkRows(
      local: local.count, all: all.count, rowCounts: rowCounts, columns: columns, rank: rank, rankCount: rankCount)
    let announcement = Announcement.rows(.allGather, rowCounts: rowCounts, columns: columns)
    let everyones = unsafe try local.withUnsafeBytes { (local) throws(CommunicationError) in
      unsafe try exchange(announcement, local)
    }
    unsafe all.withUnsafeMutableBytes { all in
      var end = 0
      for theirs in everyones {
        unsafe UnsafeMutableRawBufferPointer(rebasing: all[end...]).copyMemory(from: theirs.bytes)
        end += unsafe theirs.bytes.count
      }
    }
  }

  package func reduceScatterSum(
    _ all: Span<Float>, into local: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) {
    checkRows(
      local: local.count, all: all.count, rowCounts: rowCounts, columns: columns, rank: rank, rankCount: rankCount)
    let announcement = Announcement.rows(.reduceScatterSum, rowCounts: rowCounts, columns: columns)
    let everyones = unsafe try all.withUnsafeBytes { (all) throws(CommunicationError) in
      unsafe try exchange(announcement, all)
    }
    let start = rowStarts(rowCounts)[rank] * columns
    unsafe local.withUnsafeMutableBufferPointer { local in
      guard local.count > 0, let base = local.baseAddress else { return }
      unsafe sumInOrder(everyones.map { unsafe $0.floats + start }, count: local.count, into: base)
    }
  }

  package func allToAll(
    _ outgoing: Span<Float>, into incoming: inout MutableSpan<Float>, counts: [[Int]]
  ) throws(CommunicationError) {
    checkParts(outgoing: outgoing.count, incoming: incoming.count, counts: counts, rank: rank, rankCount: rankCount)
    let everyones = unsafe try outgoing.withUnsafeBytes { (outgoing) throws(CommunicationError) in
      unsafe try exchange(.parts(.allToAll, counts: counts), outgoing)
    }
    unsafe incoming.withUnsafeMutableBytes { incoming in
      var end = 0
      for (other, theirs) in everyones.enumerated() {
        let start = 4 * counts[other][..<rank].reduce(0, +)
        let count = 4 * counts[other][rank]
        unsafe UnsafeMutableRawBufferPointer(rebasing: incoming[end...])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: theirs.bytes[start..<start + count]))
        end += count
      }
    }
  }

  package func allGather(bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]] {
    try exchange(Announcement(operation: .allGatherBytes, byteCount: bytes.count), bytes)
  }

  package func broadcast(_ bytes: [UInt8], from root: Int) throws(CommunicationError) -> [UInt8] {
    precondition((0..<rankCount).contains(root), "root \(root) of \(rankCount) ranks")
    let mine = rank == root ? bytes : []
    return try exchange(Announcement(operation: .broadcast, shape: [root], byteCount: mine.count), mine)[root]
  }

  package func barrier() throws(CommunicationError) {
    _ = try exchange(Announcement(operation: .barrier), [])
  }

  /// Ends the process, and with it all ranks.
  package func abort(status: Int32) -> Never { exit(status) }

  private func exchange(_ announcement: Announcement, _ bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]] {
    let everyones = unsafe try bytes.withUnsafeBufferPointer { (bytes) throws(CommunicationError) in
      unsafe try exchange(announcement, UnsafeRawBufferPointer(bytes))
    }
    return everyones.map { unsafe Array($0.bytes) }
  }

  /// What every rank brings, in rank order, once all have brought it.
  private func exchange(
    _ announcement: Announcement, _ bytes: UnsafeRawBufferPointer
  ) throws(CommunicationError) -> [Posting] {
    let posting = unsafe Posting(announcement, copying: bytes)
    let everyones = try board.exchange(posting, from: rank, context: context, timeout: timeout)
    if let disagreement = Announcement.disagreement(in: everyones.map { $0.announcement }) {
      throw CommunicationError(operation: announcement.name, message: disagreement, context: context)
    }
    return everyones
  }
}

/// How each rank ended.
private final class Outcomes<Value: Sendable>: @unchecked Sendable {  // everything is under the condition's lock
  private let condition = NSCondition()
  private var outcomes: [Result<Value, any Error>?]

  init(count: Int) { outcomes = Array(repeating: nil, count: count) }

  func set(_ rank: Int, _ outcome: Result<Value, any Error>) {
    condition.withLock {
      outcomes[rank] = outcome
      condition.signal()
    }
  }

  func wait() -> [Result<Value, any Error>] {
    condition.withLock {
      while outcomes.contains(where: { $0 == nil }) { condition.wait() }
      return outcomes.map { $0! }
    }
  }
}
