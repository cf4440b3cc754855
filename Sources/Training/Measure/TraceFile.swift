import Communication
import Foundation
import Tensors

/// Writes what all ranks have recorded as one file of trace events, for Perfetto (ui.perfetto.dev) or chrome://tracing.
///
/// Each rank is a process, its threads are the one that runs the step, the pool's workers and the
/// one that reads the rows of the next steps.
/// - Source: "Trace Event Format", Chromium project: complete events (`X`), times in microseconds, and metadata (`M`).
struct TraceFile {
  /// Stretches of all ranks and threads together: about 100 bytes each in the file.
  static let eventLimit = 1_000_000

  private let path: String
  /// When the trace began, the same moment on all ranks but for what a barrier takes.
  private let start: UInt64
  private let pool: ThreadPool
  private let input: InputAhead

  /// Begins a trace. Collective: every rank calls it.
  init(_ path: String, _ pool: ThreadPool, _ input: InputAhead, _ communicator: any Communicator) throws {
    self.path = path
    self.pool = pool
    self.input = input
    let capacity = max(1, Self.eventLimit / communicator.rankCount / (pool.threadCount + 1))
    pool.startTrace(capacity: capacity)
    input.startTrace(capacity: capacity)
    try communicator.barrier()
    start = PartClock.now
  }

  /// Writes the file on rank 0, rank after rank. Collective: every rank calls it.
  ///
  /// - Returns: how many stretches of all ranks were left out because the trace was full.
  func write(_ communicator: any Communicator) throws -> Int {
    let recorders = [pool.clock.recorder].compactMap { $0 } + pool.workerTraces + [input.endTrace()].compactMap { $0 }
    pool.clock.recorder = nil
    let handle = try communicator.together("opening \(path)") { () -> FileHandle? in
      guard communicator.rank == 0 else { return nil }
      try Data().write(to: URL(fileURLWithPath: path))
      return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    }
    let own = Array(try lines(recorders, communicator).utf8)
    for rank in 0..<communicator.rankCount {
      let theirs = try communicator.broadcast(own, from: rank)
      try communicator.together("writing \(path)") {
        try handle?.write(contentsOf: Data((rank == 0 ? "[\n" : ",\n").utf8) + Data(theirs))
      }
    }
    try communicator.together("writing \(path)") {
      try handle?.write(contentsOf: Data("\n]\n".utf8))
      try handle?.close()
    }
    return try communicator.allGather([recorders.reduce(0) { $0 + $1.droppedCount }]).joined().reduce(0, +)
  }

  /// This rank's events, one a line, separated by commas.
  private func lines(_ recorders: [TraceRecorder], _ communicator: any Communicator) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    func line(_ event: some Encodable) throws -> String { String(decoding: try encoder.encode(event), as: UTF8.self) }
    let rank = communicator.rank
    var lines = [
      try line(Metadata("process_name", "rank \(rank) on \(communicator.hostName)", rank: rank, thread: 0)),
      try line(SortIndex(rank: rank)),
    ]
    for (thread, recorder) in recorders.enumerated() {
      let name = thread == 0 ? "step" : thread < pool.threadCount ? "worker \(thread)" : "input"
      lines.append(try line(Metadata("thread_name", name, rank: rank, thread: thread)))
      // What encloses others comes before them.
      for event in recorder.events.sorted(by: { ($0.start, $1.end) < ($1.start, $0.end) }) where event.start >= start {
        lines.append(try line(CompleteEvent(event, from: start, rank: rank, thread: thread)))
      }
    }
    return lines.joined(separator: ",\n")
  }
}

private struct CompleteEvent: Encodable {
  let name: String
  let cat: String
  let ph = "X"
  let ts: Double
  let dur: Double
  let pid: Int
  let tid: Int
  let args: Arguments?

  struct Arguments: Encodable { let bytes: Int }

  init(_ event: TraceEvent, from start: UInt64, rank: Int, thread: Int) {
    name = event.name
    cat = event.part.name
    ts = Double(event.start - start) / 1e3
    dur = Double(event.end - event.start) / 1e3
    pid = rank
    tid = thread
    args = event.bytes.map(Arguments.init)
  }
}

private struct Metadata: Encodable {
  let name: String
  let ph = "M"
  let pid: Int
  let tid: Int
  let args: Arguments

  struct Arguments: Encodable { let name: String }

  init(_ name: String, _ value: String, rank: Int, thread: Int) {
    self.name = name
    pid = rank
    tid = thread
    args = Arguments(name: value)
  }
}

private struct SortIndex: Encodable {
  let name = "process_sort_index"
  let ph = "M"
  let pid: Int
  let tid = 0
  let args: [String: Int]

  init(rank: Int) {
    pid = rank
    args = ["sort_index": rank]
  }
}
