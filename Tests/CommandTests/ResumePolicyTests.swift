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

  /// Told to go back, and killed before it saves: the next run goes on from there, not from what was left.
  @Test(arguments: [nil, 2]) func staysWhereItWasSent(ranks: Int?) throws {
    let whole = try finished.outcome()
    try finished.folder.remove("run/model")
    let lines = try finished.folder.text(of: "run/metrics.jsonl").split(separator: "\n")[..<5]
    try finished.folder.write(lines.map { $0 + "\n" }.joined(), to: "run/metrics.jsonl")
    let back = ["--resume", "run/checkpoints/step-5", "--set", "run.checkpoint_every=100000"]
    let command = try Command(
      ShortRun.train + back + ["--set", "run.steps=100000"], ranks: ranks, in: finished.folder.path)
    while command.isRunning && finished.metricsLineCount < 8 { usleep(500) }
    command.send(SIGKILL, toRank: ranks.map { $0 - 1 })
    let ended = try command.end(within: 20)
    #expect(ended.status == 128 + SIGKILL)
    #expect(ended.errors.contains("run/checkpoints/step-10 is not used any more"))

    let next = try finished.finish(tenSteps, ranks: ranks)
    #expect(next.errors.contains("continuing after step 5 from run/checkpoints/step-5"))
    let outcome = try finished.outcome()
    #expect(outcome.metrics.map(\.step) == Array(1...10))
    if ranks == nil { #expect(outcome.differences(from: whole) == []) }
    #expect(finished.folder.names(in: "run/checkpoints") == ["step-10", "step-5"])
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

  /// Told to go on from a damaged or half-written one, a run takes no other, and says which would do.
  @Test(arguments: [nil, 2]) func refusesADamagedDirectory(ranks: Int?) throws {
    func refusal() throws -> String {
      let ended = try finished.train(tenSteps + ["--resume", "run/checkpoints/step-10"], ranks: ranks)
      #expect(ended.status == 65)
      #expect(ended.complaints.count == 1)
      return ended.complaints.joined()
    }
    try finished.folder.remove("run/model")
    try damage("run/checkpoints/step-10")
    let damaged = try refusal()
    #expect(damaged.contains("run/checkpoints/step-10: shard-"), "\(damaged)")
    #expect(damaged.contains("the newest good checkpoint beside it is run/checkpoints/step-5"), "\(damaged)")
    try finished.folder.remove("run/checkpoints/step-10/manifest.json")
    let halfWritten = try refusal()
    #expect(halfWritten.contains("run/checkpoints/step-10: has no manifest.json"), "\(halfWritten)")
    #expect(halfWritten.contains("the newest good checkpoint beside it is run/checkpoints/step-5"), "\(halfWritten)")
    #expect(finished.folder.names(in: "run/checkpoints") == ["step-10", "step-5"])
  }

  private func damage(_ checkpoint: String) throws {
    let shard = "\(checkpoint)/\(try #require(finished.folder.names(in: checkpoint).last))"
    var bytes = try finished.folder.bytes(of: shard)
    bytes[bytes.count / 2] ^= 1
    try finished.folder.write(bytes, to: shard)
  }

  /// A run on two files of its own, stopped after step 5.
  private func runOnOwnData() throws -> ShortRun {
    let run = try ShortRun()
    let lines = try String(contentsOfFile: fixture("pylate-train.jsonl"), encoding: .utf8).split(separator: "\n")
    try run.folder.write(lines[..<3].map { $0 + "\n" }.joined(), to: "a.jsonl")
    try run.folder.write(lines[3...].map { $0 + "\n" }.joined(), to: "b.jsonl")
    try run.finish(tenSteps + ["--set", "data.train=[a.jsonl, b.jsonl]"])
    try run.folder.remove("run/model")
    try run.folder.remove("run/checkpoints/step-10")
    return run
  }

  /// The batches would be others. What counts is what the files hold, in their order; not how many rows.
  @Test(arguments: [nil, 2]) func refusesOtherData(ranks: Int?) throws {
    let run = try runOnOwnData()
    let b = try run.folder.text(of: "b.jsonl")
    let other = b.replacing("\"pos\": [\"", with: "\"pos\": [\"x ", maxReplacements: 1)
    try #require(other != b)
    try run.folder.write(other, to: "c.jsonl")
    for (files, complaint) in [
      ("[a.jsonl, c.jsonl]", "data.train: c.jsonl does not hold what it held"),
      ("[b.jsonl, a.jsonl]", "the files of data.train are in another order than they were"),
      ("[a.jsonl]", "data.train has 1 file, it had 2 files"),
    ] {
      let ended = try run.train(tenSteps + ["--set", "data.train=\(files)"], ranks: ranks)
      #expect(ended.status == 64)
      #expect(ended.complaints.count == 1)
      #expect(ended.complaints.joined().contains("\(complaint) when run/checkpoints/step-5 was written"))
    }
    try run.folder.write(other, to: "b.jsonl")
    let ended = try run.train(
      tenSteps + ["--set", "data.train=[a.jsonl, b.jsonl]", "--resume", "run/checkpoints/step-5"], ranks: ranks)
    #expect(ended.status == 64)
    #expect(ended.complaints.joined().contains("data.train: b.jsonl does not hold what it held"))
  }

  /// Moved files are the same data, wherever a checkpoint can tell.
  @Test func goesOnWithMovedData() throws {
    let run = try runOnOwnData()
    let whole = try run.metrics()
    try run.folder.write(try run.folder.bytes(of: "a.jsonl"), to: "elsewhere/a.jsonl")
    try run.folder.remove("a.jsonl")
    let moved = tenSteps + ["--set", "data.train=[elsewhere/a.jsonl, b.jsonl]"]
    #expect(try run.finish(moved).errors.contains("continuing after step 5"))
    #expect(try run.metrics() == whole)

    try run.folder.remove("run/checkpoints")
    let refused = try run.train(tenSteps + ["--set", "data.train=[b.jsonl]"])
    #expect(refused.status == 64)
    #expect(refused.complaints[0].contains("data.train: [elsewhere/a.jsonl, b.jsonl] before, [b.jsonl] now"))
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
