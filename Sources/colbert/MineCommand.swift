import ArgumentParser
import Communication
import Foundation
import Training

struct MineCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "mine",
    abstract: "Finds hard negatives: for each query the documents that the model takes for its answers.",
    discussion: """
      Examples:

        colbert mine my.yaml --output mined.jsonl
        mpirun -n 4 colbert mine my.yaml --output mined.jsonl --set mining.corpus=beir
        colbert train my.yaml --set 'data.train=[mined.jsonl]' --set run.directory=runs/mined

      Every query of data.train is scored against every document of the corpus, by exact MaxSim. The output has the same \
      rows in the same order; neg holds what was found, best first, and pos_scores and neg_scores the model's scores, which \
      loss.distillation can learn from. All else in a row stays as it was.

      The model is the one that evaluate would take: the run's finished one, else model.path; or --model.

      What is taken says the configuration; these are the defaults:

        mining:
          corpus: null           # {"text": …} lines, or a folder with a corpus.jsonl; null: all documents of data.train
          negatives: 8           # the most that a query gets
          first_rank: 1          # of the documents that may be taken
          last_rank: 100
          sampling: top          # top: the first; uniform: any; score: likelier, the higher (softmax over temperature)
          temperature: null      # of sampling: score; null: the loss's
          min_score: null        # no negative scores less …
          max_score: null        # … nor more than this
          margin: null           # a negative scores at most the positive's score - margin …
          relative_margin: null  # … and at most the positive's score - relative_margin * |that score|

      False negatives: never taken are the positives of any row with the same query, and the query's own text. Documents \
      that differ in white space alone are one; empty ones are nobody's. With several positives, the margins are from the \
      one that scores best. Draws depend on run.seed and the row alone.

      Killed or stopped, the same command goes on with what lies in FILE.mining, on any number of ranks, to the same bytes.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @OptionGroup var arguments: ConfigurationArguments

  @Option(
    help: ArgumentHelp("Where the rows go.", valueName: "file.jsonl"), completion: .file(extensions: ["jsonl"]))
  var output: String

  @Option(
    help: ArgumentHelp("The folder of the model that searches, or its name in the cache.", valueName: "dir"),
    completion: .directory)
  var model: String?

  @Option(
    help: ArgumentHelp("Writes the report's numbers to this file.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var json: String?

  func validate() throws {
    if json == output { throw ValidationError("--json and --output name the same file.") }
  }

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    let request = try communicator.prepare(console) { try MiningRequest(self) }
    let report = try mineNegatives(
      model: request.model, configuration: request.configuration, output: output, communicator: communicator,
      console: console)
    guard let report else { return 75 }
    try communicator.onRoot("printing the report") { () -> Void in
      print(report.text)
      if let json { try Data((report.json + "\n").utf8).write(to: URL(fileURLWithPath: json)) }
    }
    return 0
  }
}

/// What is searched with what, when the arguments are checked.
private struct MiningRequest: Codable {
  let model: String
  let configuration: Configuration

  init(_ command: MineCommand) throws {
    try UsageError.check("--output", PathCheck.output(command.output))
    if let json = command.json { try UsageError.check("--json", PathCheck.output(json)) }
    let given = try command.model.map { try UsageError.modelFolder("--model", $0) }
    configuration = try ConfigurationFile.read(
      command.arguments.config, overrides: command.arguments.overrides.values,
      checking: [.trainingData, .miningCorpus])
    if configuration.data.train.contains(where: { $0.path == command.output }) {
      throw UsageError(
        "--output: \(command.output) is a file of data.train; name another, which train can read instead")
    }
    model =
      try given ?? UsageError.modelFolder("\(command.arguments.config): model.path", configuration.searchingModel)
  }
}

extension Configuration {
  /// The run's finished model, else the one it starts from.
  var searchingModel: String {
    PathCheck.modelFolder("\(run.directory)/model") == nil ? "\(run.directory)/model" : model.path
  }
}
