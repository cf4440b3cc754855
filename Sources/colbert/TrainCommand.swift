import ArgumentParser
import Communication
import Training

extension ProgressMode: ExpressibleByArgument {}

struct TrainCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a model as a configuration says, or goes on with a run that was stopped.",
    discussion: """
      Examples:

        colbert train configs/quickstart.yaml
        colbert train configs/quickstart.yaml --set run.steps=20
        colbert train configs/quickstart.yaml --set run.steps=5 --set run.directory=runs/traced --trace trace.json
        mpirun -n 4 --hostfile hosts colbert train configs/quickstart.yaml

      The number of ranks never changes the result, only the time: batch.queries is the batch of all ranks together.

      A run keeps everything in run.directory: config.yaml, metrics.jsonl, checkpoints/ and, when it is finished, \
      model/. Stop it whenever you like; the same command goes on from the last checkpoint.

      A small configuration (unknown keys are errors that name the nearest known key):

        model:
          path: models/minilm        # a Hugging Face folder, or a name that colbert download fetched
          dimension: 128             # floats per vector, for a model without a head
        data:
          train: [data/train.jsonl]  # {"query": "…", "pos": ["…"], "neg": ["…"]}; also {file: FILE, weight: W}
          batches: mixed             # one_file: each batch has the rows of one file
          negatives_per_query: 1
        batch:
          queries: 64                # over all ranks
          accumulation: 1            # more chunks, less memory, the same result
        loss:
          objective: colbert         # unified: dense + sparse + ColBERT, for a BGE-M3 folder
          distillation: none         # kl, m3, margin_mse: with pos_scores and neg_scores
          self_distillation: false   # unified only: the ensemble teaches its parts
        negatives:
          scope: global              # own: a query is told from its own documents alone
          random: 2                  # documents drawn for each query beside those of its row
          corpus: data/corpus.jsonl  # {"text": …} lines, or a BEIR folder; null: all documents of data.train
        optimizer:
          learning_rate: 3e-5
        run:
          epochs: 1
        evaluation:
          data: data/beir            # corpus.jsonl, queries.jsonl, qrels/test.tsv
          keep_best: ndcg@10         # the model of the best evaluation becomes the finished one; null: the last step's
          early_stop: 5              # ends the run after 5 evaluations without a better one
          agreement_bound: 0.8       # BGE-M3: warn when dense or sparse scores find too little of what they found

      \(ColBERTCommand.exitStatusHelp)
      """)

  @OptionGroup var arguments: ConfigurationArguments

  @Option(
    help: ArgumentHelp(
      """
      auto: a used run directory continues; never: a used run directory is an error; \
      or the directory of the checkpoint to start from.
      """, valueName: "auto|never|directory"))
  var resume = ResumePolicy.auto

  @Option(
    help: ArgumentHelp(
      """
      Writes what every rank and thread did when to this file, at the end of the run; open it at ui.perfetto.dev. It \
      holds the first million stretches of time, some thousand steps of one rank: trace a short run.
      """, valueName: "file.json"),
    completion: .file(extensions: ["json"]))
  var trace: String?

  @Option(
    help: ArgumentHelp(
      """
      How standard error tells how far the run is. live: one line that changes; plain: lines that are added; json: \
      an object a line, each step and each message; quiet: warnings and errors alone. auto is live on a terminal and \
      plain elsewhere; ranks of mpirun see no terminal, so ask for live there.
      """, valueName: "auto|live|plain|json|quiet"))
  var progress = ProgressMode.auto

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    console.tell(progress)
    let configuration = try communicator.prepare(console) {
      let configuration = try ConfigurationFile.read(
        arguments.config, overrides: arguments.overrides.values,
        checking: [.model, .batches, .evaluationData, .runDirectory, .cacheDirectory])
      try resume.check(configuration, from: arguments.config)
      if let trace { try UsageError.check("--trace", PathCheck.output(trace)) }
      return configuration
    }
    let outcome = try Run.train(
      configuration: configuration, resume: resume, trace: trace, communicator: communicator, console: console)
    switch outcome {
    case .finished: return 0
    case .stoppedBySignal: return 75
    }
  }
}
