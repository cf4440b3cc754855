import ArgumentParser
import Communication
import Tensors
import Training

struct PlanCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Says what a configuration would take on N ranks: memory, bytes on the wire, time, disk.",
    discussion: """
      Examples:

        colbert plan configs/quickstart.yaml --ranks 1 2 4 8
        mpirun -n 2 colbert plan my.yaml --ranks 8 64 512 --queries-per-rank 32
        colbert plan my.yaml --ranks 64 --link-gigabits 25 --memory 64

      It reads the model's shapes and a sample of the data, and times a few steps of two layers as wide as the model's, on \
      as many threads as a rank of this job has. No model is loaded and nothing is written. Every rank of the plan is \
      taken to be as fast as one of this job's, and to have its own share of the link.

      Under mpirun the connection between the ranks is measured too. What --link-gigabits and --message-microseconds state \
      goes before that: ranks of one host are not the cluster.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @OptionGroup var arguments: ConfigurationArguments
  @Option(parsing: .upToNextOption, help: "How many ranks; several numbers make several columns.")
  var ranks: [Int]
  @Option(
    help: ArgumentHelp("Lets batch.queries grow with the ranks: this many for each.", valueName: "count"))
  var queriesPerRank: Int?
  @Option(
    help: ArgumentHelp("What a rank may use, in GB; without it, its share of this machine's memory.", valueName: "GB"))
  var memory: Double?
  @Option(
    help: ArgumentHelp(
      "What a rank sends in a second, in Gbit. (default: as measured; 10 with one rank)", valueName: "Gbit/s"))
  var linkGigabits: Double?
  @Option(
    help: ArgumentHelp(
      "What a collective costs for each rank that takes part, in microseconds. (default: as measured; 5 with one rank)",
      valueName: "µs"))
  var messageMicroseconds: Double?
  @OptionGroup var output: JSONArgument

  func validate() throws {
    guard !ranks.isEmpty else { throw ValidationError("--ranks is empty; it must be one or more numbers of ranks.") }
    try requirePositive(ranks.map { ("--ranks", $0) } + (queriesPerRank.map { [("--queries-per-rank", $0)] } ?? []))
    for (option, value) in [
      ("--memory", memory ?? 1), ("--link-gigabits", linkGigabits ?? 1),
      ("--message-microseconds", messageMicroseconds ?? 1),
    ] where !(value > 0 && value.isFinite) {
      throw ValidationError("\(option) is \(value); it must be more than 0.")
    }
  }

  /// What the options say of the link; what only one of them says is assumed for the other.
  private var statedLink: RankLink? {
    if linkGigabits == nil && messageMicroseconds == nil { return nil }
    var link = RankLink.assumed
    if let linkGigabits { link.bytesPerSecond = linkGigabits * 1e9 / 8 }
    if let messageMicroseconds { link.secondsPerRank = messageMicroseconds / 1e6 }
    return link
  }

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    let configuration = try communicator.prepare(console) {
      try output.check()
      return try ConfigurationFile.read(
        arguments.config, overrides: arguments.overrides.values, checking: [.model, .batches, .evaluationData])
    }
    let request = PlanRequest(
      configuration: configuration, rankCounts: ranks, queriesPerRank: queriesPerRank,
      link: statedLink,
      memory: memory.map { Int($0 * 1e9) })
    let plan = try TrainingPlan(request, communicator: communicator, console: console)
    try output.publish(plan, plan.table, communicator)
    return 0
  }
}

extension TrainingPlan {
  fileprivate var table: String {
    let columns = runs.map { run in
      [
        "\(run.ranks)", "\(run.queries)", size(run.memory.total) + (run.fits ? "" : " !"),
        size(run.memory.parametersGradientsAndMoments), size(run.memory.activations),
        size(run.memory.vectorsAndScores), "\(Figure.decimals(run.operations / Double(run.ranks) / 1e9, 1)) GFLOP",
        size(run.documentsPlanBytes), size(run.queriesPlanBytes), size(run.gradientBytes),
        Figure.time(run.computeSeconds), Figure.time(run.waitingSeconds), Figure.time(run.communicationSeconds),
        Figure.time(run.secondsPerStep), Figure.decimals(run.queriesPerSecond, 1),
        "\(run.stepsPerEpoch)", duration(run.secondsPerEpoch), size(Double(run.checkpointDisk)),
        size(Double(run.totalDisk)),
      ]
    }
    let names = [
      "ranks", "queries a step", "memory a rank", "  parameters, gradients, moments", "  activations",
      "  vectors and scores", "arithmetic a rank and step", "sent, negatives.gather: documents", "      or queries",
      "sent, sums of gradients", "computing", "waiting for the slowest rank", "communication", "a step",
      "queries/s", "steps an epoch", "an epoch", "a checkpoint", "disk in all",
    ]
    let rows = names.indices.map { row in [names[row]] + columns.map { $0[row] } }
    let table = TextTable(rows[0], Array(rows.dropFirst()), numbers: Set(1...columns.count))
    return ([heading, "", "\(table)"] + advice).joined(separator: "\n")
  }

  private var heading: String {
    func gigaflops(_ rate: Double) -> String { Figure.gigaflops(rate) }
    let origin = link.isMeasured ? "measured between the ranks of this job" : "stated, not measured"
    return """
      \(trainedParameters) parameters trained of \(parameters); \(rows) rows, \
      \(Figure.decimals(realTokensPerQuery, 1)) real tokens a query with its documents, in a sample
      measured here, a rank with \(threadsPerRank) thread\(threadsPerRank == 1 ? "" : "s"): \(precision.rawValue) \
      products \(gigaflops(rates.forwardProducts)) GFLOP/s forward, \(gigaflops(rates.backwardProducts)) backward; attention \
      \(gigaflops(rates.forwardAttention)), \(gigaflops(rates.backwardAttention)); MaxSim \(gigaflops(rates.maxSim))
      link, \(origin): \(Figure.decimals(link.bytesPerSecond * 8 / 1e9, 1)) Gbit/s a rank, \
      \(Figure.time(link.secondsPerRank)) a collective and rank
      """
  }

  /// What helps the numbers of ranks that need more memory than there is.
  private var advice: [String] {
    runs.filter { !$0.fits }.flatMap { run -> [String] in
      let need = size(run.memory.total)
      let head =
        "\n! \(run.ranks == 1 ? "1 rank needs \(need)" : "\(run.ranks) ranks need \(need) each"); a rank has \(size(memory))."
      let tried = run.advice.map { "  \($0.settings): \(size($0.memory))" }
      let last = run.advice.last.map { $0.memory <= memory } ?? false
      return [head] + tried
        + (last
          ? [] : ["  More is to be had from model.train: {top: K} or head, or a shorter data.document_max_length."])
    }
  }
}

private func size(_ bytes: Int) -> String { size(Double(bytes)) }

private func size(_ bytes: Double) -> String {
  bytes < 1e9 ? Figure.decimals(bytes / 1e6, 1) + " MB" : Figure.decimals(bytes / 1e9, 2) + " GB"
}

private func duration(_ seconds: Double) -> String {
  seconds < 120
    ? Figure.decimals(seconds, 1) + " s"
    : seconds < 7_200 ? Figure.decimals(seconds / 60, 1) + " min" : Figure.decimals(seconds / 3_600, 1) + " h"
}
