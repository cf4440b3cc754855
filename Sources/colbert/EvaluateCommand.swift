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
        colbert evaluate my.yaml --rerank bm25.trec --qrels qrels.trec

      The collection is a folder in BEIR's layout: corpus.jsonl, queries.jsonl, qrels/test.tsv; or in FlagEmbedding's: \
      corpus.jsonl, test_queries.jsonl, test_qrels.jsonl, or dev_…. Every query is scored \
      against every document, on all ranks; equal scores are ordered as trec_eval orders them. Beside each mean stands its 95% confidence interval: the percentile \
      bootstrap over queries, 1,000 samples, always the same draws.

      With a configuration, the model is the run's finished one, else model.path, and the collection evaluation.data.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @Argument(help: "The YAML file of a run.", completion: .file(extensions: ["yaml"]))
  var config: String?

  @OptionGroup var overrides: OverrideArguments

  @Option(
    help: ArgumentHelp("The folder of the model, or its name in the cache.", valueName: "dir"), completion: .directory)
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

  @Option(
    help: ArgumentHelp(
      "Scores just the documents that this TREC run lists for each query, instead of all: reranking.", valueName: "file"
    ),
    completion: .file())
  var rerank: String?

  @Option(
    help: ArgumentHelp(
      "The judgements, in the place of the collection's: TREC's qrels, or as either layout has them.", valueName: "file"
    ),
    completion: .file())
  var qrels: String?

  @Option(
    help: ArgumentHelp("Writes the judgements to this file, as TREC's qrels.", valueName: "file"), completion: .file())
  var writeQrels: String?

  @OptionGroup var products: PrecisionArgument
  @OptionGroup var vectors: DimensionArgument

  func validate() throws {
    let files = [json, perQuery, run, writeQrels, rerank, qrels].compactMap { $0 }
    if Set(files).count < files.count {
      throw ValidationError(
        "Two of --json, --per-query, --run, --write-qrels, --rerank and --qrels name the same file.")
    }
    if config == nil && (model == nil || data == nil) {
      throw ValidationError("Give the configuration of a run, or both --model DIR and --data DIR.")
    }
    if config != nil && products.precision != .float32 {
      throw ValidationError("--precision is for a model without a configuration; give --set model.precision=bfloat16.")
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
    let given = try command.model.map { try UsageError.modelFolder("--model", $0) }
    if let folder = command.data {
      try UsageError.check("--data", PathCheck.collectionFolder(folder, judgements: command.qrels))
    }
    for (option, file) in [("--rerank", command.rerank), ("--qrels", command.qrels)] {
      if let file { try UsageError.check(option, PathCheck.file(file)) }
    }
    for (option, file) in [
      ("--json", command.json), ("--per-query", command.perQuery), ("--run", command.run),
      ("--write-qrels", command.writeQrels),
    ] {
      if let file { try UsageError.check(option, PathCheck.output(file)) }
    }
    let configuration = try command.config.map { file in
      try ConfigurationFile.read(
        file, overrides: command.overrides.values,
        checking: command.data == nil && command.qrels == nil ? .evaluationData : [])
    }
    let model =
      try given ?? UsageError.modelFolder("\(command.config!): model.path", configuration!.searchingModel)
    guard let collection = command.data ?? configuration?.evaluation.data else {
      throw UsageError("\(command.config!): evaluation.data is missing; set it or give --data DIR")
    }
    if command.data == nil, command.qrels != nil {
      try UsageError.check(
        "\(command.config!): evaluation.data", PathCheck.collectionFolder(collection, judgements: command.qrels))
    }
    self.init(
      model: model, collection: collection, configuration: configuration,
      precision: command.products.precision, dimension: command.vectors.dimension, judgements: command.qrels,
      rerank: command.rerank, perQuery: command.perQuery, run: command.run, judgementsOutput: command.writeQrels)
  }
}
