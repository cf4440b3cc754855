import Communication
import Tensors

/// A communicator whose time a clock tells, and whose bytes are counted: those of data, apart from waiting for ranks
/// that are not there yet.
final class MeasuredCommunicator: ForwardingCommunicator {
  let base: any Communicator
  private let clock: PartClock
  /// What this rank has sent since the start, in bytes: the share of each collective's least traffic that falls to it.
  private(set) var sentBytes = 0.0

  init(_ base: any Communicator, _ clock: PartClock) {
    self.base = base
    self.clock = clock
  }

  func allReduceSum(_ values: inout MutableSpan<Float>) throws(CommunicationError) {
    let bytes = 4 * values.count
    try measure("all-reduce", Traffic.allReduce(bytes, rankCount), of: bytes) { () throws(CommunicationError) in
      try base.allReduceSum(&values)
    }
  }

  func beginSum(_ values: any LastingFloats) throws(CommunicationError) {
    let bytes = 4 * values.count
    try measure("begin all-reduce", Traffic.allReduce(bytes, rankCount), of: bytes) { () throws(CommunicationError) in
      try base.beginSum(values)
    }
  }

  func beginGather(_ all: any LastingFloats, places: [Range<Int>], columns: Int) throws(CommunicationError) {
    let bytes = 4 * columns * places.reduce(0) { $0 + $1.count }
    try measure("begin all-gather", Traffic.share(bytes, rankCount), of: bytes) { () throws(CommunicationError) in
      try base.beginGather(all, places: places, columns: columns)
    }
  }

  /// Too often called for a trace.
  func advance() throws(CommunicationError) {
    try clock.charge(.communication) { () throws(CommunicationError) in try base.advance() }
  }

  func finish() throws(CommunicationError) {
    try measure("finish collectives", 0, of: 0) { () throws(CommunicationError) in try base.finish() }
  }

  func allGather(
    _ local: Span<Float>, into all: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) {
    let bytes = 4 * all.count
    try measure("all-gather", Traffic.share(bytes, rankCount), of: bytes) { () throws(CommunicationError) in
      try base.allGather(local, into: &all, rowCounts: rowCounts, columns: columns)
    }
  }

  func reduceScatterSum(
    _ all: Span<Float>, into local: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) {
    let bytes = 4 * all.count
    try measure("reduce-scatter", Traffic.share(bytes, rankCount), of: bytes) { () throws(CommunicationError) in
      try base.reduceScatterSum(all, into: &local, rowCounts: rowCounts, columns: columns)
    }
  }

  func allToAll(
    _ outgoing: Span<Float>, into incoming: inout MutableSpan<Float>, counts: [[Int]]
  ) throws(CommunicationError) {
    let bytes = 4 * (outgoing.count - counts[rank][rank])
    try measure("all-to-all", Double(bytes), of: bytes) { () throws(CommunicationError) in
      try base.allToAll(outgoing, into: &incoming, counts: counts)
    }
  }

  func allGather(bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]] {
    let all = try measure("all-gather of bytes", 0, of: bytes.count) { () throws(CommunicationError) in
      try base.allGather(bytes: bytes)
    }
    sentBytes += Traffic.share(all.reduce(0) { $0 + $1.count }, rankCount)
    return all
  }

  func broadcast(_ bytes: [UInt8], from root: Int) throws(CommunicationError) -> [UInt8] {
    let message = try measure("broadcast", 0, of: bytes.count) { () throws(CommunicationError) in
      try base.broadcast(bytes, from: root)
    }
    sentBytes += Traffic.share(message.count, rankCount)
    return message
  }

  func barrier() throws(CommunicationError) {
    try measure("barrier", 0, of: 0) { () throws(CommunicationError) in try base.barrier() }
  }

  private func measure<Value>(
    _ name: String, _ sent: Double, of bytes: Int, _ body: () throws(CommunicationError) -> Value
  ) throws(CommunicationError) -> Value {
    let before = base.waited
    defer {
      clock.move((base.waited - before) / .seconds(1), from: .communication, to: .waitingForRanks)
      sentBytes += sent
    }
    return try clock.measure(.communication, name, bytes: bytes, body)
  }
}

/// What collectives send at least, in bytes a rank, as a mean over the ranks.
enum Traffic {
  /// Of a sum that every rank gets.
  static func allReduce(_ bytes: Int, _ rankCount: Int) -> Double { 2 * share(bytes, rankCount) }

  /// Of a gather of `bytes` in all to every rank, of a sum of so much scattered, and of a broadcast.
  static func share(_ bytes: Int, _ rankCount: Int) -> Double {
    Double(bytes) * Double(rankCount - 1) / Double(rankCount)
  }
}
