import ArgumentParser
import Communication
import Foundation
import Training

struct EvaluateCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Measures a model by exact MaxSim search of a collection.",
    discussion: """
      Examples:

        colbert evaluate configs/quickstart.yaml
        colbert evaluate --model models/minilm --data data/beir --json result.json
        mpirun -n 4 colbert evaluate configs/quickstart.yaml

      The collection is a folder in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/test.tsv. Every query is scored \
      against every document, on all ranks; equal scores are ordered as trec_eval orders them.

      With a configuration, the model is the run's finished one, else model.path, and the collection evaluation.data.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @Argument(help: "The YAML file of a run.", completion: .file(extensions: ["yaml"]))
  var config: String?

  @OptionGroup var overrides: OverrideArguments

  @Option(help: ArgumentHelp("The folder of the model.", valueName: "dir"), completion: .directory)
  var model: String?

  @Option(help: ArgumentHelp("The folder of the collection.", valueName: "dir"), completion: .directory)
  var data: String?

  @Option(
    help: ArgumentHelp("Writes the figures to this file too, as one JSON object.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var json: String?

  func validate() throws {
    if config == nil && (model == nil || data == nil) {
      throw ValidationError("Give the configuration of a run, or both --model DIR and --data DIR.")
    }
    if config == nil && !overrides.values.isEmpty {
      throw ValidationError("--set overrides keys of a configuration, and none is given.")
    }
  }

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    let request = try communicator.prepare(console) { try EvaluationRequest(self) }
    let result = try evaluate(
      model: request.model, collection: request.collection, configuration: request.configuration,
      communicator: communicator, console: console)
    try communicator.onRoot("writing the figures") { () -> Void in
      print(result.table)
      if let json { try Data((result.json + "\n").utf8).write(to: URL(fileURLWithPath: json)) }
    }
    return 0
  }
}

/// What is evaluated on what, when the arguments are checked.
private struct EvaluationRequest: Codable {
  let model: String
  let collection: String
  let configuration: Configuration?

  init(_ command: EvaluateCommand) throws {
    if let folder = command.model { try UsageError.check("--model", PathCheck.modelFolder(folder)) }
    if let folder = command.data { try UsageError.check("--data", PathCheck.collectionFolder(folder)) }
    if let file = command.json { try UsageError.check("--json", PathCheck.output(file)) }

    configuration = try command.config.map { file in
      try ConfigurationFile.read(
        file, overrides: command.overrides.values, checking: command.data == nil ? .evaluationData : [])
    }
    if let folder = command.model {
      model = folder
    } else {
      model = configuration!.searchingModel
      try UsageError.check("\(command.config!): model.path", PathCheck.modelFolder(model))
    }
    guard let collection = command.data ?? configuration?.evaluation.data else {
      throw UsageError("\(command.config!): evaluation.data is missing; set it or give --data DIR")
    }
    self.collection = collection
  }
}
