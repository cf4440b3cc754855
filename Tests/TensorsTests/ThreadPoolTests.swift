import Foundation
import TestSupport
import Testing

@testable import Tensors

@Suite struct ThreadPoolTests {
  @Test(arguments: [1, 2, 3, 8], [0, 1, 2, 3, 7, 8, 9, 100, 1_001])
  func runsEveryBlockOnce(threads: Int, count: Int) {
    let pool = ThreadPool(threadCount: threads)
    for _ in 0..<20 { #expect(runs(pool, count) == [Int](repeating: 1, count: count)) }
  }

  @Test(arguments: [2, 5])
  func servesThousandsOfRounds(threads: Int) {
    let pool = ThreadPool(threadCount: threads)
    var numbers = TestNumbers(seed: 1)
    for round in 0..<5_000 {
      let count = numbers.integer(below: 12)
      if runs(pool, count) != [Int](repeating: 1, count: count) { Issue.record("round \(round) of \(count) blocks") }
    }
  }

  /// A pool's threads end with it, also when it never worked.
  @Test func poolsComeAndGo() throws {
    for round in 0..<200 {
      let pool = ThreadPool(threadCount: 1 + round % 4)
      if round % 3 > 0 { #expect(runs(pool, 5) == [1, 1, 1, 1, 1]) }
    }
  }

  @Test(arguments: [(0, 5), (1, 5), (4, 5), (5, 5), (6, 5), (100, 7), (3, 1)])
  func rangesCoverAllRows(rows: Int, size: Int) {
    let pool = ThreadPool(threadCount: 3)
    let times = Counters(rows)
    pool.forEachRange(of: rows, size: size) { range in
      if range.isEmpty || range.count > size || range.lowerBound % size != 0 { Issue.record("the range \(range)") }
      for row in range { times.add(row) }
    }
    #expect(times.values == [Int](repeating: 1, count: rows))
  }

  /// What a block wrote is seen by the caller.
  @Test func resultsAreVisibleToTheCaller() {
    let pool = ThreadPool(threadCount: 4)
    let values = TestMatrix(zeros: 64, 16)
    for round in 1...500 {
      pool.forEachBlock(64) { block in
        let row = values.matrix.rows(block..<block + 1)
        row.base.update(repeating: Float(round), count: row.count)
      }
      if Set(values.values) != [Float(round)] { Issue.record("round \(round) is not done") }
    }
  }

  /// A process of its own, as `taskset` changes all that the thread starts afterwards.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/taskset")))
  func obeysTheAffinity() async {
    #expect(ThreadPool.availableProcessors >= 1)
    await #expect(processExitsWith: .success) {
      let thread = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
      let status = try String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)
      let allowed = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
      let first = allowed!.split(whereSeparator: { !$0.isNumber }).first!
      let command = Process()
      command.executableURL = URL(fileURLWithPath: "/usr/bin/taskset")
      command.arguments = ["-p", "-c", String(first), String(thread.split(separator: "/").last!)]
      command.standardOutput = FileHandle.nullDevice
      try command.run()
      command.waitUntilExit()
      precondition(command.terminationStatus == 0, "taskset failed")
      precondition(ThreadPool.availableProcessors == 1, "\(ThreadPool.availableProcessors) processors on one")
      precondition(ThreadPool().threadCount == 1)
    }
  }

  private func runs(_ pool: ThreadPool, _ count: Int) -> [Int] {
    let times = Counters(count)
    pool.forEachBlock(count) { times.add($0) }
    return times.values
  }
}

/// How often each block ran, counted from any thread.
private final class Counters: @unchecked Sendable {
  // Not a `Mutex`: the thread sanitiser does not see what that guards.
  private let lock = NSLock()
  private var counts: [Int]

  init(_ count: Int) { counts = [Int](repeating: 0, count: count) }

  func add(_ index: Int) { lock.withLock { counts[index] += 1 } }

  var values: [Int] { lock.withLock { counts } }
}
