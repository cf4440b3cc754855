import Foundation
import TestSupport
import Testing

/// Runs on several files with weights.
@Suite struct SeveralFilesTests {
  private static let settings = [
    "data.train=[{file: a.jsonl, weight: 2}, {file: b.jsonl, weight: 0.5}]", "data.batches=one_file", "run.steps=6",
    "run.checkpoint_every=2", "batch.queries=3",
  ]
  .flatMap { ["--set", $0] }

  private func run() throws -> ShortRun {
    let run = try ShortRun()
    let lines = try String(contentsOfFile: fixture("pylate-train.jsonl"), encoding: .utf8).split(separator: "\n")
    try run.folder.write(lines[..<3].map { $0 + "\n" }.joined(), to: "a.jsonl")
    try run.folder.write(lines[3...].map { $0 + "\n" }.joined(), to: "b.jsonl")
    return run
  }

  /// The batches are those of a run that was never stopped, on any ranks; other weights are another run.
  @Test func goesOnWithTheSameBatches() throws {
    let whole = try run()
    let ended = try whole.finish(Self.settings)
    #expect(ended.errors.contains("data: 8 rows, 3 steps of 3 queries an epoch, 6 steps in all"))
    #expect(
      ended.errors.contains(
        "an epoch takes 6 of a.jsonl (3 rows), 3 of b.jsonl (5 rows); each batch is of one file"), "\(ended.errors)")
    let losses = try whole.metrics().map(\.loss)

    let other = try ShortRun(copyOf: whole)
    try other.folder.remove("run/model")
    for step in [4, 6] { try other.folder.remove("run/checkpoints/step-\(step)") }
    let reweighted = ["--set", "data.train=[{file: a.jsonl, weight: 2}, b.jsonl]"]
    let refused = try other.train(Self.settings + reweighted)
    #expect(refused.status == 64)
    #expect(
      refused.complaints.joined().contains(
        "data.train: [{file: a.jsonl, weight: 2}, {file: b.jsonl, weight: 0.5}] before, "
          + "[{file: a.jsonl, weight: 2}, b.jsonl] now"), "\(refused.complaints)")
    try other.finish(Self.settings, ranks: Command.mpirun == nil ? nil : 3)
    let again = try other.metrics().map(\.loss)
    #expect(again.count == 6)
    // Sums over ranks are added in another order.
    for (a, b) in zip(again, losses) { #expect(abs(a - b) < 1e-5 * b) }
  }
}
