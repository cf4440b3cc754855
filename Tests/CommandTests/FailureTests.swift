import Checkpoints
import Foundation
import TestSupport
import Testing

/// What ends a run in its middle ends all ranks, soon, with one message; the last checkpoint stays good.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct FailureTests {
  /// More steps than any test waits for.
  private let long = ["--set", "run.steps=100000"]

  @Test func aKilledRankEndsTheJob() throws {
    let run = try ShortRun()
    var start = ContinuousClock.now
    let ended = try run.train(long, ranks: 3, until: 2) { command in
      start = .now
      command.send(SIGKILL, toRank: 1)
    }
    #expect(ContinuousClock.now - start < .seconds(10))
    #expect(ended.status == 128 + SIGKILL)
    #expect(ended.errors.contains("rank 1 with PID") && ended.errors.contains("signal 9"), "\(ended.errors)")
  }

  /// A rank that neither computes nor dies, as on a machine that hangs. The limit is far beyond what a busy machine makes
  /// a rank wait for another: else the run would end before it is disturbed.
  @Test func aRankThatDoesNotAnswerIsMissed() throws {
    let run = try ShortRun()
    let ended = try run.train(long + ["--set", "run.timeout=8"], ranks: 2, until: 2, within: 60) {
      $0.send(SIGSTOP, toRank: 1)
    }
    #expect(ended.status == 70)
    #expect(ended.complaints.count == 1)
    let complaint = #/error: \w+ \((checkpoint of )?step \d+\): rank 0 on .* waited [89] s; missing: rank 1 on /#
    #expect(ended.complaints.joined().contains(complaint), "\(ended.errors)")
  }

  /// Ranks of another build, or that were told something else, do not begin.
  @Test func ranksWithAnotherProgramDoNotBegin() throws {
    let run = try ShortRun()
    let other = "\(run.folder.path)/colbert"
    try run.folder.copy(Command.binary, to: "colbert")
    let binary = try FileHandle(forWritingTo: URL(fileURLWithPath: other))
    try binary.seekToEnd()
    try binary.write(contentsOf: Data([0]))
    try binary.close()
    for (command, complaint) in [
      ("shift; exec \(other) \"$@\"", "rank 1 on .* runs another build of this program than rank 0 on "),
      ("exec \"$@\" --set run.seed=7", "rank 1 on .* was started as colbert train .*run.seed=7, rank 0 on "),
    ] {
      let script = try run.folder.write(
        "#!/bin/sh\n[ $OMPI_COMM_WORLD_RANK = 0 ] && exec \"$@\"\n\(command)\n", to: "start")
      chmod(script, 0o755)
      let ended = try Command.colbert(ShortRun.train, ranks: 2, in: run.folder.path, wrapper: script)
      #expect(ended.status == 64)
      #expect(ended.complaints.count == 1)
      #expect(ended.complaints.joined().contains(try Regex(complaint)), "\(ended.errors)")
      #expect(!run.folder.has("run"), "nothing was begun")
    }
  }

  /// Rank 1's own copy of the data is spoiled while it trains: it fails in the middle of a step, where rank 0 waits.
  @Test func aRankThatFailsAloneEndsTheJobWithItsMessage() throws {
    let ranks = try FoldersOfRanks()
    let command = try ranks.start(long)
    while command.isRunning, !ranks.folder.has("run/checkpoints/step-5") { usleep(1000) }
    let data = try FileHandle(forUpdating: URL(fileURLWithPath: "\(ranks.folder.path)/1/train.jsonl"))
    try data.write(contentsOf: Data(repeating: UInt8(ascii: "x"), count: 1000))
    let start = ContinuousClock.now
    let ended = try command.end(within: 20)
    #expect(ContinuousClock.now - start < .seconds(10))
    #expect(ended.status == 65)
    #expect(ended.complaints.count == 1)
    #expect(ended.complaints.joined().contains("the file changed while it was read"), "\(ended.errors)")
    #expect(ended.complaints.joined().hasPrefix("error: train.jsonl:"))
  }

  /// The training data are cut short, in place, while they are read: an error that names the line, no signal.
  @Test(arguments: [nil, 2]) func dataCutShortEndTheRun(ranks: Int?) throws {
    let run = try ShortRun()
    try run.folder.copy(fixture("pylate-train.jsonl"), to: "train.jsonl")
    let data = try FileHandle(forUpdating: URL(fileURLWithPath: "\(run.folder.path)/train.jsonl"))
    let ended = try run.train(long + ["--set", "data.train=[train.jsonl]"], ranks: ranks, until: 2) { _ in
      try data.truncate(atOffset: 100)
    }
    #expect(ended.status == 65)
    // Each rank may come upon a line of its own.
    #expect((1...(ranks ?? 1)).contains(ended.complaints.count))
    for complaint in ended.complaints {
      #expect(complaint.contains(#/^error: train\.jsonl:\d: the file changed while it was read/#))
    }
  }

  /// Ranks whose files differ, if by one bit of a weight, would train nobody's model without a word.
  @Test(arguments: [
    "train.jsonl", "model/model.safetensors", "model/tokenizer.json", "model/1_Dense/model.safetensors",
  ])
  func ranksWithOtherFilesDoNotBegin(file: String) throws {
    let ranks = try FoldersOfRanks()
    var bytes = try ranks.folder.bytes(of: "1/\(file)")
    bytes[bytes.count - 100] ^= 1
    try ranks.folder.write(bytes, to: "1/\(file)")
    let ended = try ranks.start().end(within: 20)
    #expect(ended.status == 65)
    #expect(ended.complaints.count == 1)
    #expect(
      ended.complaints.joined().contains("\(file): rank 1 on ")
        || ended.complaints.joined().hasPrefix("error: loading the model and the data: \(file)"), "\(ended.errors)")
    #expect(!ranks.folder.has("run"), "nothing was begun")
  }

  /// Two ranks, each in a folder of its own with its own copy of the model and the data, as machines without a shared
  /// disk have them; only the run's folder is shared.
  private struct FoldersOfRanks {
    let folder = try! TemporaryFolder()

    init() throws {
      for rank in 0..<2 {
        try folder.write(ShortRun.configuration, to: "\(rank)/run.yaml")
        try folder.copy(fixture("tiny-pylate"), to: "\(rank)/model")
        try folder.copy(fixture("pylate-train.jsonl"), to: "\(rank)/train.jsonl")
      }
      let script = try folder.write("#!/bin/sh\ncd $OMPI_COMM_WORLD_RANK && exec \"$@\"\n", to: "in-own-folder")
      chmod(script, 0o755)
    }

    func start(_ arguments: [String] = []) throws -> Command {
      let own = [
        "model.path=model", "data.train=[train.jsonl]", "run.directory=\(folder.path)/run", "run.checkpoint_every=5",
      ]
      return try Command(
        ShortRun.train + own.flatMap { ["--set", $0] } + arguments, ranks: 2, in: folder.path,
        wrapper: "\(folder.path)/in-own-folder")
    }
  }

  /// A learning rate that no model survives: the second step's loss shows it, on all ranks.
  @Test(arguments: [nil, 2]) func aLossThatIsNotFiniteIsNamed(ranks: Int?) throws {
    let run = try ShortRun()
    let ended = try run.train(["--set", "optimizer.learning_rate=1e30"], ranks: ranks)
    #expect(ended.status == 70)
    #expect(ended.complaints.count == 1)
    let complaint = ended.complaints.joined()
    #expect(complaint.hasPrefix("error: step 2: the loss is not finite, so no update was made. Look at rows "))
    #expect(complaint.contains(#/pylate-train.jsonl:[1-8], .*pylate-train.jsonl:[1-8];/#))
    #expect(try run.metrics().map(\.step) == [1])
    #expect(!run.folder.has("run/checkpoints") && !run.folder.has("run/model"))
  }

  /// An update that spoils the parameters is never saved: not in a checkpoint, not as the finished model.
  @Test(arguments: [nil, 2]) func parametersThatAreNotFiniteAreNotSaved(ranks: Int?) throws {
    let run = try ShortRun()
    let ended = try run.train(["--set", "optimizer.learning_rate=1e39", "--set", "run.steps=1"], ranks: ranks)
    #expect(ended.status == 70)
    #expect(ended.complaints.count == 1)
    #expect(ended.complaints.joined().hasPrefix("error: step 1: the parameters are not finite after the update"))
    #expect(!run.folder.has("run/checkpoints") && !run.folder.has("run/model"))
  }

  /// A disk that holds one checkpoint and not two.
  @Test(.enabled(if: SmallDisk.isAvailable, "mounting a small file system takes root"), arguments: [nil, 2])
  func aFullDiskLeavesTheCheckpointBefore(ranks: Int?) throws {
    let run = try ShortRun()
    let disk = try #require(SmallDisk(at: "\(run.folder.path)/run", kilobytes: 3000))
    let ended = try run.train(ranks: ranks)
    #expect(ended.status == 70)
    #expect(ended.complaints.count == 1)
    #expect(
      ended.complaints.joined().hasPrefix(
        "error: saving the checkpoint of step 10: cannot write run/checkpoints/step-10/"))
    #expect(ended.complaints.joined().contains("No space left on device"))
    #expect(try run.checkpoint().step == 5)

    #expect(disk.resize(kilobytes: 20_000))
    try run.finish(ranks: ranks)
    #expect(try run.outcome().differences(from: try ShortRun.uninterrupted(ranks: ranks)) == [])
  }

  /// Not even the first line of `metrics.jsonl` has room; the message names the file.
  @Test(.enabled(if: SmallDisk.isAvailable, "mounting a small file system takes root"))
  func aFullDiskIsNamed() throws {
    let run = try ShortRun()
    let disk = try #require(SmallDisk(at: "\(run.folder.path)/run", kilobytes: 12))
    let ended = try run.train(["--set", "run.checkpoint_every=1000"] + long)
    #expect(ended.status == 70)
    #expect(ended.complaints == ["error: run/metrics.jsonl: cannot be written: There isn’t enough space."])
    withExtendedLifetime(disk) {}
  }

  @Test(.enabled(if: SmallDisk.isAvailable, "mounting a file system takes root"), arguments: [nil, 2])
  func aDirectoryThatCannotBeWrittenIsNamed(ranks: Int?) throws {
    let run = try ShortRun()
    let disk = try #require(SmallDisk(at: "\(run.folder.path)/sealed", kilobytes: 64, isReadOnly: true))
    let ended = try run.train(["--set", "run.directory=sealed/run"], ranks: ranks)
    #expect(ended.status == 64)
    #expect(
      ended.complaints == [
        "error: --set: run.directory: sealed/run cannot be made: sealed cannot be written to; give yourself the "
          + "permission, or name another folder"
      ])
    withExtendedLifetime(disk) {}
  }
}
