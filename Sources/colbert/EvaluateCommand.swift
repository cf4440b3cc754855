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
        colbert evaluate my.yaml --per-query mine.jsonl --run mine.trec

      The collection is a folder in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/test.tsv. Every query is scored \
      against every document, on all ranks; equal scores are ordered as trec_eval orders them. Beside each mean stands its 95% confidence interval: the percentile \
      bootstrap over queries, 1,000 samples, always the same draws.

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

  @Option(
    help: ArgumentHelp(
      "Writes each query's figures to this file, a JSON object a line, as colbert compare reads them.",
      valueName: "file.jsonl"),
    completion: .file(extensions: ["jsonl"]))
  var perQuery: String?

  @Option(
    help: ArgumentHelp(
      "Writes the first 1,000 documents of each query to this file, as a TREC run: query Q0 document rank score tag.",
      valueName: "file"),
    completion: .file())
  var run: String?

  func validate() throws {
    let outputs = [json, perQuery, run].compactMap { $0 }
    if Set(outputs).count < outputs.count {
      throw ValidationError("Two of --json, --per-query and --run name the same file.")
    }
    if config == nil && (model == nil || data == nil) {
      throw ValidationError("Give the configuration of a run, or both --model DIR and --data DIR.")
    }
    if config == nil && !overrides.values.isEmpty {
      throw ValidationError("--set overrides keys of a configuration, and none is given.")
    }
  }

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    let request = try communicator.prepare(console) { try EvaluationRequest(self) }
    let evaluation = try evaluate(request, communicator: communicator, console: console)
    try communicator.onRoot("writing the figures") { () -> Void in
      let intervals = evaluation.intervals
      print(evaluation.result.table(intervals))
      if let json { try Data((evaluation.result.json(intervals) + "\n").utf8).write(to: URL(fileURLWithPath: json)) }
    }
    return 0
  }
}

extension EvaluationRequest {
  /// What is evaluated on what, when the arguments are checked.
  fileprivate init(_ command: EvaluateCommand) throws {
    if let folder = command.model { try UsageError.check("--model", PathCheck.modelFolder(folder)) }
    if let folder = command.data { try UsageError.check("--data", PathCheck.collectionFolder(folder)) }
    for (option, file) in [("--json", command.json), ("--per-query", command.perQuery), ("--run", command.run)] {
      if let file { try UsageError.check(option, PathCheck.output(file)) }
    }
    let configuration = try command.config.map { file in
      try ConfigurationFile.read(
        file, overrides: command.overrides.values, checking: command.data == nil ? .evaluationData : [])
    }
    let model = command.model ?? configuration!.searchingModel
    if command.model == nil {
      try UsageError.check("\(command.config!): model.path", PathCheck.modelFolder(model))
    }
    guard let collection = command.data ?? configuration?.evaluation.data else {
      throw UsageError("\(command.config!): evaluation.data is missing; set it or give --data DIR")
    }
    self.init(
      model: model, collection: collection, configuration: configuration, perQuery: command.perQuery, run: command.run)
  }
}
