import ArgumentParser
import Communication
import Foundation
import Training

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures what this machine or cluster gives: products, MaxSim, a training step, collectives.",
    discussion: """
      Examples:

        colbert bench gemm
        colbert bench step configs/quickstart.yaml --json step.json
        mpirun -n 8 --hostfile hosts colbert bench collectives

      Alone it measures this machine; under mpirun all ranks are at it at once, and the slowest counts, as in training. A \
      rank has the threads that it would train with. Nothing else should run meanwhile: of several runs the shortest time \
      is given, which a busy machine never shows.

      \(ColBERTCommand.exitStatusHelp)
      """,
    subcommands: [
      BenchGEMMCommand.self, BenchMaxSimCommand.self, BenchStepCommand.self, BenchCollectivesCommand.self,
    ])
}

/// Where the figures of a measurement go beside standard output.
struct JSONArgument: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Writes the figures to this file too, as one JSON object, in seconds and bytes.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var json: String?

  /// For rank 0.
  func check() throws {
    if let json { try UsageError.check("--json", PathCheck.output(json)) }
  }

  /// Prints a table on rank 0, and writes the file. Collective: every rank calls it.
  func publish(_ figures: some Encodable, _ table: String, _ communicator: any Communicator) throws {
    try communicator.onRoot("writing the figures") { () -> Void in
      print(table)
      if let json { try Data((figures.json + "\n").utf8).write(to: URL(fileURLWithPath: json)) }
    }
  }
}

/// Throws unless all of `values` are at least 1.
func requirePositive(_ values: [(option: String, value: Int)]) throws {
  for (option, value) in values where value < 1 {
    throw ValidationError("\(option) is \(value); it must be 1 or more.")
  }
}

struct BenchGEMMCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "gemm",
    abstract: "Measures the matrix products of an encoder's layers, forward and both gradients.",
    discussion: """
      Examples:

        colbert bench gemm                                  # MiniLM's shapes
        colbert bench gemm --model models/bge-m3
        colbert bench gemm --width 1024 --intermediate 4096 --rows 2048

      It gives GFLOP/s (a multiply-add is two) of one thread and of all threads of a rank. "layer" is the rate of the mix in \
      a training step: what bench step takes for the peak.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @Option(help: ArgumentHelp("Takes the shapes from this model's folder.", valueName: "dir"), completion: .directory)
  var model: String?
  @Option(help: "The encoder's width, without --model.")
  var width = 384
  @Option(help: "The width between the two feed-forward layers, without --model.")
  var intermediate = 1_536
  @Option(help: "The width of a vector, of the head's product.")
  var dimension = 128
  @Option(help: "The tokens that are encoded at once.")
  var rows = 4_096
  @Option(help: "About how long each of the measurements takes.")
  var seconds = 0.3
  @OptionGroup var output: JSONArgument

  func validate() throws {
    try requirePositive([
      ("--width", width), ("--intermediate", intermediate), ("--dimension", dimension), ("--rows", rows),
    ])
    guard seconds > 0 else { throw ValidationError("--seconds is \(seconds); it must be more than 0.") }
  }

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    let shapes = try communicator.prepare(console) { () -> [ProductShape] in
      try output.check()
      if let model {
        return try ProductShape.all(
          model: try UsageError.modelFolder("--model", model), dimension: dimension, rows: rows)
      }
      return ProductShape.all(width: width, intermediate: intermediate, dimension: dimension, rows: rows)
    }
    let figures = try ProductBench(shapes, seconds: seconds, communicator: communicator)
    try output.publish(figures, figures.table, communicator)
    return 0
  }
}

extension ProductBench {
  fileprivate var table: String {
    let rows =
      products.map { product in
        let shape = product.shape
        return row(
          shape.name, "[\(shape.rows) × \(shape.inputs)] → [\(shape.rows) × \(shape.outputs)]", product.kind.rawValue
        ) { $0(product) }
      } + [row("layer", "4 projections, up and down", "all three") { mixed($0) }]
    let names = ["product", "shape", "pass", "1 thread", "all threads", "per thread"]
    return """
      GFLOP/s of a rank, float32\(hasBFloat16 ? " and bfloat16 (rounding included)" : ""); \
      \(ranks) rank\(ranks == 1 ? "" : "s") with \(threadsPerRank) thread\(threadsPerRank == 1 ? "" : "s") each, all at once

      \(TextTable(names + (hasBFloat16 ? ["bf16 1 thread", "bf16 all threads"] : []), rows, numbers: Set(3..<8)))\
      \(bfloat16Obstacle.map { "\n\nno bfloat16: \($0)" } ?? "")
      """
  }

  private var hasBFloat16: Bool { bfloat16Obstacle == nil }

  private func row(
    _ name: String, _ shape: String, _ pass: String, _ rate: ((ProductRate) -> Double?) -> Double?
  ) -> [String] {
    let all = rate { $0.allThreads } ?? 0
    let float = [rate { $0.oneThread } ?? 0, all, all / Double(threadsPerRank)]
    let rounded = [rate { $0.bfloat16OneThread }, rate { $0.bfloat16AllThreads }].compactMap { $0 }
    return [name, shape, pass] + (float + rounded).map(Figure.gigaflops)
  }
}

struct BenchMaxSimCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "maxsim",
    abstract: "Measures MaxSim, forward and backward, against the rate of the encoder's products.",
    discussion: """
      Examples:

        colbert bench maxsim
        colbert bench maxsim --queries 64 --documents 128

      Every rank scores as many queries against as many documents, of made-up vectors.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @Option(help: "How many queries.")
  var queries = 1_024
  @Option(help: "How many documents.")
  var documents = 2_048
  @Option(help: "The tokens of a query.")
  var queryTokens = 32
  @Option(help: "The tokens of a document.")
  var documentTokens = 180
  @Option(help: "The width of a vector.")
  var dimension = 128
  @Option(help: "How often; the shortest times count.")
  var repeats = 3
  @OptionGroup var output: JSONArgument

  func validate() throws {
    try requirePositive([
      ("--queries", queries), ("--documents", documents), ("--query-tokens", queryTokens),
      ("--document-tokens", documentTokens), ("--dimension", dimension), ("--repeats", repeats),
    ])
  }

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    try communicator.prepare(console) { try output.check() }
    let sizes = MaxSimSizes(
      queries: queries, documents: documents, queryTokens: queryTokens, documentTokens: documentTokens,
      dimension: dimension)
    let figures = try MaxSimBench(sizes, repeats: repeats, communicator: communicator)
    try output.publish(figures, figures.table, communicator)
    return 0
  }
}

extension MaxSimBench {
  fileprivate var table: String {
    let rows = [
      [
        "forward", Figure.time(forwardSeconds), Figure.gigaflops(forwardRate),
        Figure.percent(forwardRate / productRate),
      ],
      ["backward", Figure.time(backwardSeconds), "", ""],
      ["an encoder's products", "", Figure.gigaflops(productRate), "100%"],
    ]
    return """
      MaxSim of \(sizes.queries) queries × \(sizes.documents) documents (\(sizes.queryTokens) × \(sizes.documentTokens) \
      tokens, \(sizes.dimension) wide); \(ranks) rank\(ranks == 1 ? "" : "s") with \(threadsPerRank) \
      thread\(threadsPerRank == 1 ? "" : "s") each, all at once

      \(TextTable(["pass", "time", "GFLOP/s", "of the products"], rows, numbers: [1, 2, 3]))

      memory beside the vectors: \(byteText(extraBytes)) (as one array the similarities would be \(byteText(sizes.similarityBytes)))
      """
  }
}
