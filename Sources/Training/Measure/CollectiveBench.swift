package import Communication
import Tensors

/// One collective at one size.
package struct CollectiveTime: Codable, Sendable {
  package let collective: String
  /// The bytes that the trainer would hand over: of a sum the array, of a gather all ranks' together.
  package let bytes: Int
  /// Until the slowest rank has its result: the shortest, and the median.
  package let shortestSeconds: Double
  package let medianSeconds: Double
  /// What a rank has to send at least, over the median time; nil with one rank, which sends nothing, and for a barrier.
  package let bytesPerSecond: Double?
}

/// What `bench collectives` has measured.
package struct CollectiveBench: Codable, Sendable {
  package let ranks: Int
  package let hosts: Int
  package let times: [CollectiveTime]

  /// Runs each collective that training uses at sizes from 1 KiB on. Collective: every rank calls it.
  ///
  /// - Parameters:
  ///   - largest: the largest size in bytes.
  ///   - seconds: about how long each measurement takes.
  package init(largest: Int, seconds: Double, communicator: any Communicator) throws {
    ranks = communicator.rankCount
    hosts = Set(try communicator.allGather(bytes: Array(communicator.hostName.utf8))).count
    var times = [try Self.time(.barrier, 0, seconds, communicator)]
    for collective in Collective.allCases where collective != .barrier {
      var bytes = 1_024
      while bytes <= largest {
        times.append(try Self.time(collective, bytes, seconds, communicator))
        bytes *= 8
      }
    }
    self.times = times
  }

  private static func time(
    _ collective: Collective, _ bytes: Int, _ seconds: Double, _ communicator: any Communicator
  ) throws -> CollectiveTime {
    let call = CollectiveCall(collective, bytes, communicator)
    try call.run(communicator)
    // All ranks have to agree how often.
    let once = -(try communicator.least(-(try call.time(communicator))))
    let count = min(1_000, max(5, Int(seconds / max(once, 1e-6))))
    let own = try (0..<count).map { _ in
      try communicator.barrier()
      return try call.time(communicator)
    }
    let nanoseconds = try communicator.allGather(own.map { Int($0 * 1e9) })
    let slowest = (0..<count).map { i in Double(nanoseconds.map { $0[i] }.max()!) / 1e9 }.sorted()
    let median = slowest[count / 2]
    let sent = collective.sent(bytes, communicator.rankCount)
    return CollectiveTime(
      collective: collective.rawValue, bytes: call.bytes, shortestSeconds: slowest[0], medianSeconds: median,
      bytesPerSecond: sent > 0 ? sent / median : nil)
  }
}

/// Those that a step uses.
private enum Collective: String, CaseIterable {
  case barrier
  case allReduce = "all-reduce"
  case allGather = "all-gather"
  case reduceScatter = "reduce-scatter"
  case byteGather = "all-gather of bytes"

  func sent(_ bytes: Int, _ rankCount: Int) -> Double {
    switch self {
    case .barrier: 0
    case .allReduce: Traffic.allReduce(bytes, rankCount)
    case .allGather, .reduceScatter, .byteGather: Traffic.share(bytes, rankCount)
    }
  }
}

/// A collective with its buffers.
private final class CollectiveCall {
  private let collective: Collective
  private let rowCounts: [Int]
  private let arena = Arena()
  private let all: Matrix
  private let own: Matrix
  private let message: [UInt8]

  init(_ collective: Collective, _ bytes: Int, _ communicator: any Communicator) {
    self.collective = collective
    let (rank, rankCount) = (communicator.rank, communicator.rankCount)
    let floats = bytes / 4
    rowCounts = (0..<rankCount).map { floats * ($0 + 1) / rankCount - floats * $0 / rankCount }
    all = arena.zeros(rows: max(1, floats), columns: 1)
    own = arena.zeros(rows: max(1, rowCounts[rank]), columns: 1)
    message = [UInt8](repeating: 0, count: collective == .byteGather ? bytes / rankCount : 0)
  }

  var bytes: Int { collective == .barrier ? 0 : rowCounts.reduce(0, +) * 4 }

  func time(_ communicator: any Communicator) throws -> Double {
    let start = PartClock.now
    try run(communicator)
    return Double(PartClock.now - start) / 1e9
  }

  func run(_ communicator: any Communicator) throws {
    let own = own.rows(0..<rowCounts[communicator.rank])
    switch collective {
    case .barrier: try communicator.barrier()
    case .allReduce: try all.withMutableSpan { try communicator.allReduceSum(&$0) }
    case .allGather:
      try own.withSpan { own in
        try all.withMutableSpan { try communicator.allGather(own, into: &$0, rowCounts: rowCounts, columns: 1) }
      }
    case .reduceScatter:
      try all.withSpan { all in
        try own.withMutableSpan { try communicator.reduceScatterSum(all, into: &$0, rowCounts: rowCounts, columns: 1) }
      }
    case .byteGather: _ = try communicator.allGather(bytes: message)
    }
  }
}
