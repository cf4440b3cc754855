import ArgumentParser
import Communication
import Tensors
import Training

struct BenchStepCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "step",
    abstract: "Measures training steps of a configuration: tokens a second, share of the peak, time by part.",
    discussion: """
      Examples:

        colbert bench step configs/quickstart.yaml
        mpirun -n 2 colbert bench step configs/quickstart.yaml --steps 10 --set batch.queries=64

      It trains from the start of the data and writes nothing; the run's directory is not looked at. Operations are those \
      of linear layers, attention and MaxSim on real tokens: no padding, and what GradCache computes twice counts once. The \
      peak is the rate of the encoder's products alone, measured in the same process just after the steps. Beside each \
      part stands its floor: its operations over that rate, or its bytes over the bandwidth of memory or of the link; \
      data that caches hold can be faster than that.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @OptionGroup var arguments: ConfigurationArguments
  @Option(help: "The steps that are measured.")
  var steps = 5
  @Option(help: "The steps before them, in which buffers are allocated.")
  var warmUp = 2
  @Option(
    help: ArgumentHelp(
      "Writes a trace of the measured steps of all ranks; open it at ui.perfetto.dev.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var trace: String?
  @OptionGroup var output: JSONArgument

  func validate() throws {
    try requirePositive([("--steps", steps)])
    guard warmUp >= 0 else { throw ValidationError("--warm-up is \(warmUp); it must be 0 or more.") }
  }

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    let configuration = try communicator.prepare(console) {
      try output.check()
      if let trace { try UsageError.check("--trace", PathCheck.output(trace)) }
      return try ConfigurationFile.read(
        arguments.config, overrides: arguments.overrides.values, checking: [.model, .batches, .cacheDirectory])
    }
    let figures = try StepBench(
      configuration, warmUp: warmUp, steps: steps, trace: trace, communicator: communicator, console: console)
    try output.publish(figures, figures.table, communicator)
    return 0
  }
}

extension StepBench {
  fileprivate var table: String {
    let rows = parts.map { part in
      [
        part.part, Figure.time(part.seconds), Figure.percent(part.seconds / secondsPerStep),
        part.floorSeconds.map(Figure.time) ?? "",
        part.floorSeconds.flatMap { $0 > 0 ? Figure.decimals(part.seconds / $0, 2) : nil } ?? "",
      ]
    }
    return """
      \(Figure.time(secondsPerStep)) a step, \(Figure.decimals(tokensPerSecond, 0)) real tokens/s, \
      \(Figure.decimals(queriesPerSecond, 1)) queries/s; \(ranks) rank\(ranks == 1 ? "" : "s") with \(threadsPerRank) \
      thread\(threadsPerRank == 1 ? "" : "s") each, \(steps) steps
      \(Figure.decimals(operationsPerStep / 1e9, 1)) GFLOP a step at \(Figure.gigaflops(stepRate)) GFLOP/s: \
      \(Figure.percent(shareOfProductRate)) of the \(precision.rawValue) products' \(Figure.gigaflops(productRate))
      memory \(Figure.decimals(memoryBandwidth / 1e9, 1)) GB/s a rank; sent \(byteText(Int(sentBytesPerStep))) a rank and step

      \(TextTable(["part", "time", "share", "floor", "time/floor"], rows, numbers: [1, 2, 3, 4]))
      """
  }
}

struct BenchCollectivesCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "collectives",
    abstract: "Measures latency and bandwidth of each collective that training uses.",
    discussion: """
      Examples:

        mpirun -n 2 colbert bench collectives
        mpirun -n 8 --hostfile hosts colbert bench collectives --largest 16777216 --json link.json

      Bytes are those of the whole array: of a sum the array of each rank, of a gather what every rank has in the end. The \
      bandwidth is what a rank has to send at least, 2(N−1)/N of the bytes of an all-reduce and (N−1)/N of the others', \
      over the median time. The time of a barrier is the latency that every collective has before its data moves.

      One rank alone only copies.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @Option(help: ArgumentHelp("The largest size.", valueName: "bytes"))
  var largest = 64 << 20
  @Option(help: "About how long each of the measurements takes.")
  var seconds = 0.3
  @OptionGroup var output: JSONArgument

  func validate() throws {
    guard (1_024...1 << 30).contains(largest) else {
      throw ValidationError("--largest is \(largest); it must be from 1024 to \(1 << 30).")
    }
    guard seconds > 0 else { throw ValidationError("--seconds is \(seconds); it must be more than 0.") }
  }

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    try communicator.prepare(console) { try output.check() }
    let figures = try CollectiveBench(largest: largest, seconds: seconds, communicator: communicator)
    try output.publish(figures, figures.table, communicator)
    return 0
  }
}

extension CollectiveBench {
  fileprivate var table: String {
    let rows = times.map { time in
      [
        time.collective, time.bytes == 0 ? "" : byteText(time.bytes), Figure.time(time.shortestSeconds),
        Figure.time(time.medianSeconds), time.bytesPerSecond.map { Figure.decimals($0 / 1e9, 2) } ?? "",
      ]
    }
    return """
      \(ranks) rank\(ranks == 1 ? "" : "s") on \(hosts) host\(hosts == 1 ? "" : "s")

      \(TextTable(["collective", "bytes", "shortest", "median", "GB/s a rank"], rows, numbers: [1, 2, 3, 4]))
      """
  }
}
