import ArgumentParser
import Training

@main struct ColBERTCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "colbert",
    abstract: "Trains late-interaction retrieval models (ColBERT) on CPU clusters.",
    discussion: """
      Every command runs alone, on one rank, or under mpirun, on all of its ranks:

        colbert train configs/quickstart.yaml
        mpirun -n 4 colbert train configs/quickstart.yaml

      Results go to standard output, logs to standard error, both from rank 0.

      \(exitStatusHelp)
      """,
    version: ProgramReport.version,
    subcommands: [
      DownloadCommand.self, TrainCommand.self, EvaluateCommand.self, CompareCommand.self, EncodeCommand.self,
      TokenizeCommand.self,
      GradientsCommand.self,
      CacheCommand.self, CheckpointCommand.self, ExportCommand.self, MineCommand.self, ExplainCommand.self,
      ReportCommand.self, PlanCommand.self, BenchCommand.self,
    ])

  static let exitStatusHelp = """
    EXIT STATUS
      0   done
      64  bad usage or configuration, or a path in it that is not there
      65  a bad data or model file
      75  stopped early by a signal, after a checkpoint; run it again to go on
      70  anything else
    """

  static func main() {
    StopSignal.install()
    CommandRunner.main(Array(CommandLine.arguments.dropFirst()))
  }
}
