import Communication
import Tensors

/// Collectives of a rank that computes meanwhile: begun, looked after between two blocks of its work, then finished.
final class BegunWork {
  let communicator: any Communicator
  private var failure: (any Error)?
  private var lastPoll = PartClock.now

  init(_ communicator: any Communicator) {
    self.communicator = communicator
  }

  /// Begins something. Errors are kept for `finish`: who computes has no use for them.
  func attempt(_ body: () throws -> Void) {
    guard failure == nil else { return }
    do { try body() } catch { failure = error }
  }

  /// Gives what was begun a chance to go on, if the last is a while ago.
  func advance() {
    guard PartClock.now - lastPoll > 100_000 else { return }
    attempt { try communicator.advance() }
    lastPoll = PartClock.now
  }

  /// Begins what is left, and returns when all is done. Collective: every rank calls it.
  func finish(_ beginRest: () throws -> Void) throws {
    if let failure { throw failure }
    try beginRest()
    try communicator.finish()
  }
}
