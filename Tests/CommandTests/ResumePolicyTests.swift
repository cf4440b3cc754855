import Checkpoints
import Foundation
import TestSupport
import Testing

/// What `--resume` makes of a run directory that is used already.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct ResumePolicyTests {
  /// One finished run for all checks of a test; each works on a copy.
  private let finished: ShortRun

  init() throws {
    finished = try ShortRun()
    try finished.finish(["--set", "run.steps=10"])
  }

  private let tenSteps = ["--set", "run.steps=10"]

  @Test(arguments: [nil, 2]) func leavesAFinishedRunAlone(ranks: Int?) throws {
    let before = try finished.outcome()
    let again = try finished.finish(tenSteps, ranks: ranks)
    #expect(again.errors.contains("run is finished: run/model"))
    #expect(try finished.outcome().differences(from: before) == [])

    // Also when its checkpoints are removed, to save room.
    try finished.folder.remove("run/checkpoints")
    #expect(try finished.finish(tenSteps, ranks: ranks).errors.contains("run is finished: run/model"))
    let keepsModel = try finished.folder.bytes(of: "run/model/model.safetensors") == before.weights
    #expect(keepsModel)
    #expect(try finished.metrics() == before.metrics)
  }

  @Test(arguments: [nil, 2]) func refusesWhatWouldMixRuns(ranks: Int?) throws {
    let before = try finished.outcome()
    func refusal(_ arguments: [String]) throws -> [String] {
      let ended = try finished.train(tenSteps + arguments, ranks: ranks)
      #expect(ended.status == 64)
      return ended.complaints
    }
    #expect(
      try refusal(["--resume", "never"])
        == ["error: --resume never: run holds a run already; remove it or set another run.directory"])
    #expect(
      try refusal(["--set", "optimizer.learning_rate=2e-3", "--set", "batch.queries=2"]) == [
        "error: run.yaml: batch.queries: 4 before, 2 now",
        "error: run.yaml: optimizer.learning_rate: 0.001 before, 0.002 now",
        "error: run holds a run with another configuration; set these keys back, or another run.directory",
      ])
    #expect(
      try refusal(["--set", "run.directory=other", "--resume", "run", "--set", "run.seed=1"]).joined()
        .contains("run/checkpoints/step-10 was written with another configuration (run.seed: 42 before, 1 now)"))
    try FileManager.default.createDirectory(atPath: "\(finished.folder.path)/empty", withIntermediateDirectories: true)
    #expect(
      try refusal(["--resume", "empty"]) == [
        "error: --resume: empty holds no checkpoint; name a step-N folder of a run's checkpoints, or the run's folder"
      ])
    #expect(!finished.folder.has("other"))
    #expect(try finished.outcome().differences(from: before) == [])
  }

  /// A checkpoint of another run's, by its own folder and by the run's.
  @Test(arguments: ["run/checkpoints/step-5", "run"]) func startsFromADirectory(directory: String) throws {
    let whole = try finished.outcome()
    if directory == "run" { try finished.folder.remove("run/checkpoints/step-10") }
    let other = ["--set", "run.directory=other", "--resume", directory, "--set", "batch.accumulation=1"]
    try finished.finish(tenSteps + other, ranks: nil)
    try finished.folder.remove("run")
    try FileManager.default.moveItem(
      atPath: "\(finished.folder.path)/other", toPath: "\(finished.folder.path)/run")
    let outcome = try finished.outcome()
    #expect(outcome.metrics == Array(whole.metrics.dropFirst(5)), "the first five steps were the other run's")
    #expect(outcome.differences(from: whole) == ["metrics"])
  }

  /// The newest checkpoint is damaged: the one before it serves, and the log says so. When all are, it is for people to
  /// decide.
  @Test(arguments: [nil, 2]) func passesOverADamagedCheckpoint(ranks: Int?) throws {
    let whole = try finished.outcome()
    try finished.folder.remove("run/model")
    try damage("run/checkpoints/step-10")
    let ended = try finished.finish(tenSteps)
    #expect(ended.errors.contains("checkpoint of step 10 is not used"))
    #expect(ended.errors.contains("continuing after step 5 from run/checkpoints/step-5"))
    #expect(try finished.outcome().differences(from: whole) == [])

    try damage("run/checkpoints/step-5")
    try damage("run/checkpoints/step-10")
    let refused = try finished.train(tenSteps, ranks: ranks)
    #expect(refused.status == 65)
    #expect(refused.complaints.count == 1)
    #expect(refused.complaints.joined().contains("run/checkpoints: no checkpoint can be used"))
  }

  private func damage(_ checkpoint: String) throws {
    let shard = "\(checkpoint)/\(try #require(finished.folder.names(in: checkpoint).last))"
    var bytes = try finished.folder.bytes(of: shard)
    bytes[bytes.count / 2] ^= 1
    try finished.folder.write(bytes, to: shard)
  }

  /// The order of the data would be another.
  @Test func refusesOtherData() throws {
    let run = try ShortRun()
    try run.folder.copy(fixture("pylate-train.jsonl"), to: "train.jsonl")
    let ownData = ["--set", "data.train=[train.jsonl]", "--set", "run.steps=6"]
    try run.finish(ownData)
    try run.folder.remove("run/model")
    try run.folder.remove("run/checkpoints/step-6")
    try run.folder.write(
      try run.folder.text(of: "train.jsonl") + "{\"query\": \"x\", \"pos\": [\"y\"]}\n", to: "train.jsonl")
    let ended = try run.train(ownData)
    #expect(ended.status == 64)
    #expect(
      ended.complaints.joined().contains("data.train has 9 rows, it had 8 when run/checkpoints/step-5 was written"))
  }

  /// A folder with a model that is nobody's run is not a place for one: the finished model would replace it.
  @Test func replacesNoModelButItsOwn() throws {
    let run = try ShortRun()
    try run.folder.copy(fixture("tiny-pylate"), to: "model")
    let ended = try run.train(["--set", "run.directory=."])
    #expect(ended.status == 64)
    #expect(ended.complaints.joined().contains("run.directory: . holds a model of which no run knows"))
    #expect(run.folder.names(in: ".") == ["model", "run.yaml"])
  }
}
