/// A stretch of one thread's time, in nanoseconds of `PartClock.now`.
package struct TraceEvent: Sendable {
  package let name: String
  package let part: StepPart
  package let start: UInt64
  package let end: UInt64
  /// What a collective brought or made; nil for all else.
  package let bytes: Int?

  package init(name: String, part: StepPart, start: UInt64, end: UInt64, bytes: Int? = nil) {
    self.name = name
    self.part = part
    self.start = start
    self.end = end
    self.bytes = bytes
  }
}

/// Notes the stretches of one thread until it has `capacity` of them.
///
/// It is written by that thread alone, and read when the thread has nothing to do.
package final class TraceRecorder: @unchecked Sendable {
  private let capacity: Int
  package private(set) var events: [TraceEvent] = []
  /// The stretches that found no room.
  package private(set) var droppedCount = 0

  package init(capacity: Int) {
    self.capacity = capacity
    events.reserveCapacity(capacity)
  }

  package func add(_ event: TraceEvent) {
    if events.count < capacity { events.append(event) } else { droppedCount += 1 }
  }
}
