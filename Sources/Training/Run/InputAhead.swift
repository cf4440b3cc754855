import Foundation
import Tensors

/// Reads and tokenizes the rows of the next steps on a thread of its own, while the step at hand computes.
///
/// It changes when rows are read and nothing else: they are a function of the step, and are handed out in the order of
/// steps. The thread is none of the pool's and holds no core: it works for some milliseconds a step, which the system
/// gives it beside the pool's threads, and sleeps until a step takes what it has. An error waits for the step that its
/// rows belong to, and nothing behind it is read.
final class InputAhead {
  /// How many steps are read before they are asked for.
  static let lookAhead = 2

  private let reader: InputReader

  /// Begins to read.
  ///
  /// - Parameters:
  ///   - steps: those that may be asked for, in order.
  ///   - read: gives the rows of a step; called on the thread alone.
  init(_ steps: Range<Int>, read: @escaping @Sendable (Int) throws -> [TokenizedSlot]) {
    let reader = InputReader(steps, read)
    self.reader = reader
    let thread = Thread { reader.readAll() }
    thread.name = "input"
    // As the main thread has, on which the same rows were parsed before.
    thread.stackSize = 8 << 20
    thread.start()
  }

  deinit { reader.stop() }

  /// The rows of `step`, as soon as they are there; throws what reading them has thrown.
  func slots(of step: Int) throws -> [TokenizedSlot] { try reader.take(step).get() }

  /// Begins to take note of `capacity` steps: when each was read.
  func startTrace(capacity: Int) { reader.recorder = TraceRecorder(capacity: capacity) }

  /// What was noted since `startTrace`; nil without it.
  func endTrace() -> TraceRecorder? {
    defer { reader.recorder = nil }
    return reader.recorder
  }
}

/// The thread's side.
private final class InputReader: @unchecked Sendable {
  /// Seconds that an end waits for a thread that hangs in a read, on a file server that has gone, say.
  private static let patience = 1.0

  private let read: @Sendable (Int) throws -> [TokenizedSlot]
  private let condition = NSCondition()
  /// What has been read and not yet taken, step after step; guarded by `condition`, as are those below.
  private var ready: [Result<[TokenizedSlot], any Error>] = []
  /// The step that is to be taken next.
  private var step: Int
  private let end: Int
  private var isStopping = false
  private var isRunning = true
  private var trace: TraceRecorder?

  init(_ steps: Range<Int>, _ read: @escaping @Sendable (Int) throws -> [TokenizedSlot]) {
    (step, end) = (steps.lowerBound, steps.upperBound)
    self.read = read
  }

  var recorder: TraceRecorder? {
    get { condition.withLock { trace } }
    set { condition.withLock { trace = newValue } }
  }

  func readAll() {
    while let step = nextStep() {
      let start = PartClock.now
      let slots = Result { try read(step) }
      condition.withLock {
        ready.append(slots)
        trace?.add(TraceEvent(name: "read step \(step + 1)", part: .other, start: start, end: PartClock.now))
        condition.broadcast()
      }
      if case .failure = slots { break }
    }
    condition.withLock {
      isRunning = false
      condition.broadcast()
    }
  }

  /// The step to read, once there is room for it; nil when none is left or nobody asks any more.
  private func nextStep() -> Int? {
    condition.withLock {
      while !isStopping, ready.count >= InputAhead.lookAhead { condition.wait() }
      let next = step + ready.count
      return isStopping || next >= end ? nil : next
    }
  }

  func take(_ asked: Int) -> Result<[TokenizedSlot], any Error> {
    condition.withLock {
      precondition(asked == step && step < end, "step \(asked) where \(step) of \(end) is next")
      while ready.isEmpty, isRunning { condition.wait() }
      precondition(!ready.isEmpty, "step \(asked) behind one whose rows could not be read")
      step += 1
      condition.broadcast()
      return ready.removeFirst()
    }
  }

  /// Returns when the thread has come to its end, or takes too long to.
  func stop() {
    let deadline = Date(timeIntervalSinceNow: Self.patience)
    condition.withLock {
      isStopping = true
      condition.broadcast()
      while isRunning, condition.wait(until: deadline) {}
    }
  }
}
