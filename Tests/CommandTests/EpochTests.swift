import Checkpoints
import Foundation
import Testing

/// In an epoch every row is seen once, whatever happens to the run in it.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct EpochTests {
  private static let rowCount = 13
  private static let queries = 3
  /// The last has one row.
  private static let stepsPerEpoch = 5
  private static let epochs = 8

  /// A batch is known by its loss: nothing is learnt and nothing dropped, and a row has one document of each kind.
  private static let settings = [
    "data.train=[train.jsonl]", "data.negatives_per_query=1", "model.dropout=0", "optimizer.learning_rate=1e-30",
    "run.steps=null",
  ].flatMap { ["--set", $0] }
  private static let disturbed =
    settings
    + ["batch.queries=\(queries)", "run.epochs=\(epochs)", "run.checkpoint_every=2"].flatMap { ["--set", $0] }

  private static let lines = (0..<rowCount).map { row in
    let words = ["table", "layout", "library", "network", "sound", "image", "window", "kernel", "file", "shell"]
    func text(_ salt: Int, count: Int) -> String {
      (0..<count).map { words[(row * salt + $0 * $0 + row / (1 + $0)) % words.count] }.joined(separator: " ")
    }
    return """
      {"query": "\(text(3, count: 1 + row % 3))", "pos": ["\(text(7, count: 4 + row % 5))"], \
      "neg": ["\(text(1, count: 3 + row % 4))"]}\n
      """
  }

  @Test func killsAndOtherRankCountsLoseNoRow() throws {
    let begun = try ShortRun()
    try begun.folder.write(Self.lines.joined(), to: "train.jsonl")
    let first = try killed(begun, ranks: nil, after: 3)
    // Within the third epoch.
    let second = try killed(first, ranks: 3, after: 2 * Self.stepsPerEpoch + 3)
    try second.finish(Self.disturbed, ranks: 2)

    let steps = try second.metrics()
    try #require(steps.map(\.step) == Array(1...Self.epochs * Self.stepsPerEpoch))
    let rows = 0..<Self.rowCount
    let batches = try known(
      rows.flatMap { a in rows[(a + 1)...].flatMap { b in rows[(b + 1)...].map { [a, b, $0] } } })
    let lastBatches = try known(rows.map { [$0] })
    for epoch in 0..<Self.epochs {
      let seen = try steps[epoch * Self.stepsPerEpoch..<(epoch + 1) * Self.stepsPerEpoch].flatMap { step in
        let candidates = step.step % Self.stepsPerEpoch == 0 ? lastBatches : batches
        // Rounded to single precision, a loss is off by some 1e-7.
        let found = candidates.filter { abs($0.loss - step.loss) < 1e-6 * step.loss }
        try #require(found.count == 1, "\(found) have the loss of step \(step.step)")
        return found[0].rows
      }
      #expect(seen.sorted() == Array(rows), "epoch \(epoch)")
    }
  }

  /// What a run leaves that goes on from `start` and is killed after some step from `steps` on.
  private func killed(_ start: ShortRun, ranks: Int?, after steps: Int) throws -> ShortRun {
    for _ in 0..<5 {
      let run = try ShortRun(copyOf: start)
      let command = try Command(ShortRun.train + Self.disturbed, ranks: ranks, in: run.folder.path)
      while run.metricsLineCount < steps && command.isRunning { usleep(500) }
      command.send(SIGKILL, toRank: ranks.map { $0 - 1 })
      let ended = try command.end(within: 60)
      // On a busy machine it may be over before it is killed.
      if ended.status == 0 { continue }
      try #require(ended.status == 128 + SIGKILL, "\(ended.errors)")
      let saved = try run.checkpoint().step
      try #require(saved >= steps - 2 && saved < Self.epochs * Self.stepsPerEpoch)
      return run
    }
    throw ShortRun.NeverDisturbed()
  }

  /// The loss of each of these batches, all equally large.
  private func known(_ batches: [[Int]]) throws -> [(rows: [Int], loss: Double)] {
    let run = try ShortRun()
    try run.folder.write(batches.joined().map { Self.lines[$0] }.joined(), to: "train.jsonl")
    let inOrder = [
      "batch.queries=\(batches[0].count)", "data.shuffle=false", "run.epochs=1", "run.checkpoint_every=1000",
    ]
    try run.finish(Self.settings + inOrder.flatMap { ["--set", $0] })
    let losses = try run.metrics().map(\.loss)
    try #require(losses.count == batches.count)
    return zip(batches, losses).map { (rows: $0, loss: $1) }
  }
}
