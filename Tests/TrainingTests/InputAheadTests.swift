import Datasets
import Foundation
import Synchronization
import Tensors
import TestSupport
import Testing
import Tokenizers

@testable import Training

/// Rows that are read while a step computes.
@Suite(.timeLimit(.minutes(1))) struct InputAheadTests {
  private static let rowCount = 8
  private let input: InputTokenizer

  init() throws {
    input = try LoadedModel(
      ModelSettings(path: fixture("tiny-pylate")), trains: false, on: ThreadPool(threadCount: 1)
    ).input
  }

  /// Batches of one row each, in file order.
  private func builder(_ data: TrainingData) -> BatchBuilder {
    let sampler = Sampler(counts: data.counts, batchQueries: 1, negativesPerQuery: 0, shuffle: false, seed: 1)
    return BatchBuilder(data: data, sampler: sampler, input: input, accumulation: 1, rank: 0, rankCount: 1)
  }

  private func withData(_ body: (TrainingData, _ path: String) throws -> Void) throws {
    let rows = (0..<Self.rowCount).map { "{\"query\": \"query \($0)\", \"pos\": [\"document \($0)\"]}\n" }
    try withFolder(["train.jsonl": rows.joined()]) { folder in
      let path = "\(folder)/train.jsonl"
      try body(TrainingData(paths: [path]), path)
    }
  }

  /// As after a resume: the position is that of the step asked for, whatever has been read.
  @Test(arguments: [0, 3]) func givesTheRowsOfEachStepInOrder(first: Int) throws {
    try withData { data, _ in
      let builder = builder(data)
      let ahead = InputAhead(first..<2 * Self.rowCount) { try builder.read($0) }
      for step in first..<2 * Self.rowCount {
        let (slots, expected) = (try ahead.slots(of: step), try builder.read(step))
        #expect(slots == expected)
      }
    }
  }

  /// It reads without being asked, and no more than so many steps.
  @Test func readsAsFarAheadAsItMay() {
    let read = Reads()
    let ahead = InputAhead(0..<100) { step in
      read.note(step)
      return []
    }
    for step in 0..<5 {
      read.wait(untilStep: step + InputAhead.lookAhead - 1)
      // Time for one too many.
      usleep(2_000)
      #expect(read.steps == Array(0..<step + InputAhead.lookAhead))
      _ = try? ahead.slots(of: step)
    }
  }

  /// The steps before the bad row are good ones, and its own has the error that reading it in time would have had.
  @Test func anErrorComesAtItsStep() throws {
    try withData { data, path in
      let text = try String(contentsOfFile: path, encoding: .utf8)
      try Data(text.replacing("query 2", with: "QUERY 2").utf8).write(to: URL(fileURLWithPath: path + "~"))
      let changed = try FileHandle(forUpdating: URL(fileURLWithPath: path))
      try changed.write(contentsOf: Data(contentsOf: URL(fileURLWithPath: path + "~")))
      let builder = builder(data)
      let tried = Reads()
      let ahead = InputAhead(0..<Self.rowCount) { step in
        tried.note(step)
        return try builder.read(step)
      }
      tried.wait(untilStep: 1)
      for step in 0..<2 {
        let (slots, expected) = (try ahead.slots(of: step), try builder.read(step))
        #expect(slots == expected)
      }
      let expected = try #require(throws: DataError.self) { try builder.read(2) }
      let error = try #require(throws: DataError.self) { try ahead.slots(of: 2) }
      #expect(error.description == expected.description)
      #expect(error.description.hasPrefix("\(path):3: the file changed while it was read"))
      usleep(2_000)
      #expect(tried.steps == [0, 1, 2], "nothing is read behind it")
    }
  }

  /// A run that ends early, for whatever reason, does not wait for a file server that has gone.
  @Test func anEndDoesNotWaitForAReadThatHangs() {
    let hangs = DispatchSemaphore(value: 0)
    let began = Reads()
    let start = ContinuousClock.now
    do {
      let ahead = InputAhead(0..<10) { step in
        began.note(step)
        hangs.wait()
        return []
      }
      began.wait(untilStep: 0)
      withExtendedLifetime(ahead) {}
    }
    #expect(ContinuousClock.now - start < .seconds(10))
    hangs.signal()
  }

  /// An end that finds the thread asleep, with rows that nobody takes, wakes it: the closure and what it holds are gone.
  @Test func anEndLetsTheThreadGo() {
    weak var held: Reads?
    do {
      let read = Reads()
      held = read
      let ahead = InputAhead(0..<10) { step in
        read.note(step)
        return []
      }
      read.wait(untilStep: 1)
      withExtendedLifetime(ahead) {}
    }
    for _ in 0..<1_000 where held != nil { usleep(1_000) }
    #expect(held == nil)
  }

  @Test func aTraceTellsWhenEachStepWasRead() throws {
    let ahead = InputAhead(0..<3) { _ in [] }
    _ = try ahead.slots(of: 0)
    ahead.startTrace(capacity: 10)
    for step in 1..<3 { _ = try ahead.slots(of: step) }
    let recorder = try #require(ahead.endTrace())
    #expect(Set(recorder.events.map(\.name)).isSubset(of: ["read step 2", "read step 3"]))
    #expect(recorder.events.allSatisfy { $0.start <= $0.end })
    #expect(ahead.endTrace() == nil)
  }
}

/// Which steps were read.
private final class Reads: Sendable {
  private let all = Mutex<[Int]>([])

  var steps: [Int] { all.withLock { $0 } }
  func note(_ step: Int) { all.withLock { $0.append(step) } }
  func wait(untilStep step: Int) { while !steps.contains(step) { usleep(200) } }
}
