import Checkpoints
import Foundation
import Testing

/// SIGUSR1, which schedulers send before they end a job: a checkpoint, status 75, and the same command goes on.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct SignalTests {
  struct Receiver: Sendable, CustomTestStringConvertible {
    let ranks: Int?
    /// nil: the process that was started, which is `mpirun` if there are ranks.
    let rank: Int?
    var testDescription: String { rank.map { "rank \($0) of \(ranks!)" } ?? (ranks == nil ? "alone" : "mpirun") }
  }

  /// The regular checkpoints are too far apart to help.
  private let rarely = ["--set", "run.checkpoint_every=1000"]

  @Test(arguments: [
    Receiver(ranks: nil, rank: nil), Receiver(ranks: 2, rank: nil), Receiver(ranks: 2, rank: 0),
    Receiver(ranks: 2, rank: 1),
  ])
  func stopsAndGoesOnBitForBit(receiver: Receiver) throws {
    let run = try ShortRun()
    let stopped = try run.train(rarely, ranks: receiver.ranks, until: 3) { $0.send(SIGUSR1, toRank: receiver.rank) }
    #expect(stopped.status == 75)
    #expect(stopped.complaints == [])
    let last = try #require(try run.metrics().last?.step)
    #expect(last >= 3 && last < ShortRun.steps)
    #expect(try run.checkpoint().step == last, "the checkpoint is of the last step done")
    #expect(
      stopped.errors.contains(
        "stopped by a signal after step \(last); the same command continues from run/checkpoints/step-\(last)"))

    try run.finish(rarely, ranks: receiver.ranks)
    #expect(try run.outcome().differences(from: try ShortRun.uninterrupted(ranks: receiver.ranks)) == [])
  }

  /// A signal that comes before the run has begun is kept for the first step. Here the configuration comes through a
  /// pipe, so that rank 0 waits for it as long as it takes.
  @Test(arguments: [nil, 2]) func isKeptForTheFirstStep(ranks: Int?) throws {
    let run = try ShortRun()
    let pipe = "\(run.folder.path)/pipe.yaml"
    #expect(mkfifo(pipe, 0o600) == 0)
    let command = try Command(["train", "pipe.yaml"], ranks: ranks, in: run.folder.path)
    let writer = try #require(try openForWriting(pipe, while: command))
    command.send(SIGUSR1)
    usleep(200_000)  // mpirun forwards it
    try writer.write(contentsOf: Data(ShortRun.configuration.utf8))
    try writer.close()
    #expect(try command.end(within: 20).status == 75)
    #expect(try run.metrics().count < 10)
    #expect(try run.checkpoint().step == run.metrics().last?.step)
  }

  /// The pipe's end for writing, once somebody reads at the other.
  private func openForWriting(_ pipe: String, while command: Command) throws -> FileHandle? {
    while command.isRunning {
      let descriptor = open(pipe, O_WRONLY | O_NONBLOCK)
      if descriptor >= 0 { return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true) }
      usleep(1000)
    }
    return nil
  }
}
