internal import Foundation

/// Where ranks that are threads leave what they bring and pick up what the others brought.
final class Board: @unchecked Sendable {  // everything is under the condition's lock
  let rankCount: Int
  private let condition = NSCondition()
  private var posted: [Posting?]
  private var collected: [Posting] = []
  private var round = 0
  /// The ranks that have ended, well or not: no exchange can complete any more.
  private var ended: Set<Int> = []
  private var firstError: (any Error)?

  init(rankCount: Int) {
    self.rankCount = rankCount
    posted = Array(repeating: nil, count: rankCount)
  }

  /// The error of the rank that failed first; the others' errors follow from it.
  var cause: (any Error)? { condition.withLock { firstError } }

  /// What every rank brings to this round, in rank order.
  func exchange(
    _ posting: Posting, from rank: Int, context: String, timeout: Duration
  ) throws(CommunicationError) -> [Posting] {
    condition.lock()
    defer { condition.unlock() }
    let deadline = Date(timeIntervalSinceNow: timeout / .seconds(1))
    let thisRound = round
    posted[rank] = posting
    if missing.isEmpty { closeRound() }
    while round == thisRound {
      if let gone = missing.first(where: { ended.contains($0) }) {
        throw error(posting, context, "rank \(gone) has ended")
      }
      if !condition.wait(until: deadline), round == thisRound {
        throw error(posting, context, "waited \(timeout) for ranks \(missing)")
      }
    }
    return collected
  }

  /// Marks the end of a rank: nobody waits for it any more.
  func leave<Value>(_ rank: Int, _ outcome: Result<Value, any Error>) {
    condition.lock()
    defer { condition.unlock() }
    ended.insert(rank)
    if case .failure(let error) = outcome, firstError == nil { firstError = error }
    condition.broadcast()
  }

  private var missing: [Int] { posted.indices.filter { posted[$0] == nil } }

  private func closeRound() {
    collected = posted.map { $0! }
    posted = Array(repeating: nil, count: rankCount)
    round += 1
    condition.broadcast()
  }

  private func error(_ posting: Posting, _ context: String, _ message: String) -> CommunicationError {
    CommunicationError(operation: posting.announcement.name, message: message, context: context)
  }
}

/// What a rank brings to an exchange. Nothing writes it after `init`, so ranks may share it.
///
/// Its pointers are valid until the next round: so long the board keeps it.
@safe final class Posting: @unchecked Sendable {
  let announcement: Announcement
  private let storage: UnsafeMutableRawBufferPointer

  init(_ announcement: Announcement, copying bytes: UnsafeRawBufferPointer) {
    self.announcement = announcement
    unsafe storage = .allocate(byteCount: bytes.count, alignment: 16)
    unsafe storage.copyMemory(from: bytes)
  }

  deinit { unsafe storage.deallocate() }

  @unsafe var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(storage) }

  @unsafe var floats: UnsafePointer<Float> {
    unsafe UnsafePointer(storage.baseAddress!.assumingMemoryBound(to: Float.self))
  }
}
