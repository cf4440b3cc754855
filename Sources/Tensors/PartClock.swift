internal import Glibc

/// What a rank's time goes into, during a step.
package enum StepPart: Int, CaseIterable, Codable, Sendable {
  /// Linear layers: forward and both gradients.
  case products
  case attention
  /// What else encoder and heads do: norms, GELU, dropout, residuals, embeddings, copies.
  case elementWise
  case maxSimAndLoss
  /// Clearing gradients, their norm, and the update.
  case optimizer
  case communication
  case waitingForData
  case waitingForRanks
  case other

  /// As tables and traces say it.
  package var name: String {
    switch self {
    case .products: "products"
    case .attention: "attention"
    case .elementWise: "element-wise"
    case .maxSimAndLoss: "MaxSim and loss"
    case .optimizer: "optimizer"
    case .communication: "communication"
    case .waitingForData: "waiting for data"
    case .waitingForRanks: "waiting for ranks"
    case .other: "other"
    }
  }
}

/// Seconds by part.
package struct PartTimes: Sendable, Equatable {
  private var seconds = [Double](repeating: 0, count: StepPart.allCases.count)

  package init() {}

  package subscript(part: StepPart) -> Double {
    get { seconds[part.rawValue] }
    set { seconds[part.rawValue] = newValue }
  }

  package var total: Double { seconds.reduce(0, +) }
}

/// Tells how a rank's time is shared out among the parts of a step. Always on: a change of part reads the clock once.
///
/// Every moment belongs to one part, the innermost that is being measured, so the parts add up to the whole. Used by the
/// one thread that gives the pool its work.
package final class PartClock: @unchecked Sendable {
  /// Takes note of every measured stretch; nil: nobody looks.
  package var recorder: TraceRecorder?
  package private(set) var current = StepPart.other
  private var since = PartClock.now
  private var nanoseconds = [UInt64](repeating: 0, count: StepPart.allCases.count)

  package init() {}

  /// Nanoseconds of a clock that never goes back.
  package static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Runs `body`, whose time belongs to `part`, but for what it gives to other parts itself.
  ///
  /// - Parameter name: what a trace calls it; nil: the part's name.
  package func measure<Value: ~Copyable, Failure: Error>(
    _ part: StepPart, _ name: String? = nil, bytes: Int? = nil, _ body: () throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let outer = current
    let start = change(to: part)
    defer {
      let end = change(to: outer)
      recorder?.add(TraceEvent(name: name ?? part.name, part: part, start: start, end: end, bytes: bytes))
    }
    return try body()
  }

  /// As `measure`, unseen by a trace: for what is done too often and too briefly.
  package func charge<Failure: Error>(_ part: StepPart, _ body: () throws(Failure) -> Void) throws(Failure) {
    let outer = current
    change(to: part)
    defer { change(to: outer) }
    try body()
  }

  /// Takes `seconds` that have been counted for one part for another's: how long a collective waited shows afterwards.
  package func move(_ seconds: Double, from: StepPart, to: StepPart) {
    let time = min(UInt64(max(0, seconds) * 1e9), nanoseconds[from.rawValue])
    nanoseconds[from.rawValue] -= time
    nanoseconds[to.rawValue] += time
  }

  /// The times since the last call.
  package func lap() -> PartTimes {
    change(to: current)
    var times = PartTimes()
    for part in StepPart.allCases { times[part] = Double(nanoseconds[part.rawValue]) / 1e9 }
    nanoseconds = nanoseconds.map { _ in 0 }
    return times
  }

  /// The moment of the change.
  @discardableResult
  private func change(to part: StepPart) -> UInt64 {
    let now = Self.now
    nanoseconds[current.rawValue] += now - since
    since = now
    current = part
    return now
  }
}
