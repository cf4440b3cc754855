import ArgumentParser
import Checkpoints
import Communication
import Foundation
import Logging
import Training

struct CheckpointCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint",
    abstract: "Shows a run's checkpoints, or reads every byte of them to see that they are what was written.",
    discussion: """
      A checkpoint is a folder checkpoints/step-N of a run (N updates done): a shard of every rank that wrote it, and a \
      manifest.json, which is written last and makes it a checkpoint. A run killed while it saves leaves a folder \
      without one: half-written, and never used.

        colbert checkpoint list runs/my
        colbert checkpoint verify runs/my
        mpirun -n 8 colbert checkpoint verify runs/my/checkpoints/step-500

      colbert train goes on from the newest checkpoint that is whole, and says which it passed over and why; \
      --resume DIR names another. Any number of ranks can go on from a checkpoint of any other number.

      \(ColBERTCommand.exitStatusHelp)
      """,
    subcommands: [CheckpointListCommand.self, CheckpointVerifyCommand.self])
}

/// Which checkpoints a command is about.
struct CheckpointArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "The folder of a run, its checkpoints folder, or one checkpoint in it.", valueName: "directory"),
    completion: .directory)
  var directory: String

  /// The checkpoints, newest first.
  func summaries() throws -> [CheckpointSummary] {
    try UsageError.check("directory", PathCheck.folder(directory) ?? ResumePolicy.lackOfCheckpoint(in: directory))
    return try CheckpointSummary.all(in: directory) ?? []
  }
}

struct CheckpointListCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Prints each checkpoint's step, time, ranks, size and state, the newest first.",
    discussion: """
      The state is complete (and of the best evaluation, if evaluation.keep_best is set); half-written: a save that was \
      killed, to be ignored; or damaged, with the file and what is wrong. It takes the manifest and the sizes of the \
      files: whether these hold what was written, verify finds out. The time is when the last file was written; ranks are \
      those that wrote it.
      """)

  @OptionGroup var argument: CheckpointArgument

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    let summaries = try communicator.prepare(console) { try argument.summaries() }
    if communicator.rank == 0 { print(table(summaries)) }
    return 0
  }

  private func table(_ summaries: [CheckpointSummary]) -> String {
    if summaries.isEmpty { return "no checkpoints in \(argument.directory)" }
    let rows = summaries.map { $0.row(bestStep: summaries.bestStep) }
    return TextTable(["step", "written", "ranks", "size", "state"], rows).description
  }
}

struct CheckpointVerifyCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Reads every byte of the checkpoints and names the files that are damaged.",
    discussion: """
      Checked are the manifest's checksum, each shard's, that the shards have every number of the buffers exactly once, and \
      that the parameters in them are those that all ranks agreed on when they saved. Under mpirun the ranks share the work.

      It exits 0 if all complete checkpoints are good, and 65 if one is not or there is none. A half-written one is only \
      named: no run goes on from it.
      """)

  @OptionGroup var argument: CheckpointArgument

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    // Large shards on a slow disk: the ranks with small ones wait.
    communicator.timeout = .seconds(24 * 3600)
    let summaries = try communicator.prepare(console) { try argument.summaries() }
    let store = CheckpointStore(path: argument.directory, communicator: communicator)
    let isRoot = communicator.rank == 0
    var (good, damaged) = (0, 0)
    for summary in summaries {
      guard summary.state != .halfWritten else {
        if isRoot { print("\(summary.path)  half-written: it has no manifest.json and is never used") }
        continue
      }
      switch try store.verified(summary.path) {
      case .success(let checkpoint):
        good += 1
        if isRoot { print("\(summary.path)  good: \(checkpoint.facts)") }
      case .failure(let error):
        if try isGone(summary, communicator) {
          if isRoot { print("\(summary.path)  removed by its run while it was read") }
          continue
        }
        damaged += 1
        if isRoot { print("\(summary.path)  damaged") }
        console.logger.error("\(error)")
      }
    }
    if good + damaged == 0 { console.logger.error("\(argument.directory) has no complete checkpoint") }
    return good > 0 && damaged == 0 ? 0 : 65
  }

  /// Whether a run at work has removed the checkpoint, to make room for newer ones. Collective: every rank calls it.
  private func isGone(_ summary: CheckpointSummary, _ communicator: any Communicator) throws -> Bool {
    try communicator.onRoot("looking at \(summary.path)") {
      !FileManager.default.fileExists(atPath: "\(summary.path)/manifest.json")
    }
  }
}

extension CheckpointSummary {
  fileprivate func row(bestStep: Int?) -> [String] {
    let state =
      switch state {
      case .complete: step == bestStep ? "complete, of the best evaluation" : "complete"
      case .halfWritten: "half-written: no manifest.json"
      case .damaged(let problem): "damaged: \(problem)"
      }
    return [
      step.map { "\($0)" } ?? "?", written?.formatted(.iso8601) ?? "?", rankCount.map { "\($0)" } ?? "?",
      byteText(bytes), state,
    ]
  }
}

extension Checkpoint {
  fileprivate var facts: String {
    "step \(step), \(rankCount) shard\(rankCount == 1 ? "" : "s"), \(byteText(byteCount)), parameters' SHA-256 \(parameterHash)"
  }
}
