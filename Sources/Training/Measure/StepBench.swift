package import Communication
import LateInteraction
package import Tensors

/// A part of a step: its time, and the least that it could take.
package struct PartTime: Codable, Sendable {
  package let part: String
  /// A step's, as a mean over steps and ranks.
  package let seconds: Double
  /// What is done over the rate that was measured: operations over that of products, bytes over that of memory or of the
  /// link; nil where there is no such least.
  package let floorSeconds: Double?
}

/// What `bench step` has measured.
package struct StepBench: Codable, Sendable {
  package let ranks: Int
  package let threadsPerRank: Int
  package let steps: Int
  /// Of the encoder's products.
  package let precision: ProductPrecision
  package let secondsPerStep: Double
  /// Of all ranks; without padding and query expansion, as in `metrics.jsonl`.
  package let tokensPerSecond: Double
  package let queriesPerSecond: Double
  /// Of linear layers, attention and MaxSim, of all ranks; what is computed twice counts once.
  package let operationsPerStep: Double
  /// Operations a second of all ranks: the step's, and what the encoder's products alone show in this run.
  package let stepRate: Double
  package let productRate: Double
  package let shareOfProductRate: Double
  /// Bytes a second through memory, of one rank.
  package let memoryBandwidth: Double
  /// What a rank sends in a step, as a mean.
  package let sentBytesPerStep: Double
  package let parts: [PartTime]

  /// Trains for a few steps and writes nothing. Collective: every rank calls it.
  package init(
    _ configuration: Configuration, warmUp: Int, steps: Int, trace: String?, communicator: any Communicator,
    console: Console
  ) throws {
    var configuration = configuration
    configuration.run.steps = warmUp + steps
    configuration.evaluation.data = nil
    let run = try TrainingRun(
      configuration, RunDirectory(configuration, communicator: communicator), communicator: communicator,
      console: console)
    let measurement = try StepMeasurement(run, warmUp: warmUp, steps: steps, trace: trace)
    self = try measurement.result()
  }

  fileprivate init(_ m: StepMeasurement, _ rates: MeasuredFloors, work: StepWork, sentBytes: Double) {
    let rankCount = Double(m.run.communicator.rankCount)
    ranks = m.run.communicator.rankCount
    threadsPerRank = m.run.setup.model.model.pool.threadCount
    steps = m.steps
    precision = m.run.setup.model.model.encoder.precision
    secondsPerStep = m.seconds / Double(m.steps)
    tokensPerSecond = m.tokens / m.seconds
    queriesPerSecond = m.queries / m.seconds
    operationsPerStep = work.operations
    stepRate = work.operations / secondsPerStep
    productRate = rates.products * rankCount
    shareOfProductRate = stepRate / productRate
    memoryBandwidth = rates.memory
    sentBytesPerStep = sentBytes
    let floors: [StepPart: Double] = [
      .products: (work.products + work.repeatedProducts) / rates.products / rankCount,
      .attention: (work.attention + work.repeatedAttention) / rates.floatProducts / rankCount,
      .elementWise: work.elementWiseBytes / rates.memory / rankCount,
      .maxSimAndLoss: work.maxSim / rates.floatProducts / rankCount,
      .optimizer: work.optimizerBytes / rates.memory / rankCount,
      .communication: rates.link.map { sentBytes / $0 } ?? 0,
      .waitingForData: 0, .waitingForRanks: 0,
    ]
    parts = StepPart.allCases.map {
      PartTime(part: $0.name, seconds: m.times[$0] / Double(m.steps), floorSeconds: floors[$0])
    }
  }
}

/// What floors are made of: operations and bytes a second, of one rank while all are at it; of the link with more than one.
private struct MeasuredFloors {
  /// In the run's precision, and in float32, in which attention and MaxSim are.
  let products: Double
  let floatProducts: Double
  let memory: Double
  let link: Double?

  /// Collective: every rank calls it.
  init(_ setup: TrainingSetup, _ communicator: any Communicator) throws {
    let pool = setup.model.model.pool
    func products(in precision: ProductPrecision) throws -> Double {
      try communicator.barrier()
      return try communicator.least(
        layerProductRate(setup.model.folder.encoder, rows: 4_096, precision, on: pool, within: 2))
    }
    let precision = setup.model.model.encoder.precision
    self.products = try products(in: precision)
    floatProducts = precision == .float32 ? self.products : try products(in: .float32)
    try communicator.barrier()
    memory = try communicator.least(Training.memoryBandwidth(on: pool, within: 0.5))
    link = try CollectiveBench(largest: 1 << 22, seconds: 0.1, communicator: communicator).times
      .compactMap(\.bytesPerSecond).max()
  }
}

/// The steps of a run, and what went into them.
private struct StepMeasurement {
  let run: TrainingRun
  let steps: Int
  private let firstStep: Int
  private let sentBytes: Double
  /// Of all steps, a mean over the ranks.
  private(set) var seconds = 0.0
  private(set) var tokens = 0.0
  private(set) var queries = 0.0
  /// A mean over the ranks.
  private(set) var times = PartTimes()

  /// Collective: every rank calls it.
  init(_ run: TrainingRun, warmUp: Int, steps: Int, trace: String?) throws {
    self.run = run
    self.steps = steps
    firstStep = warmUp
    let communicator = run.communicator
    for _ in 0..<warmUp { _ = try run.trainOneStep() }
    let trace = try trace.map { try TraceFile($0, run.setup.model.model.pool, run.input, communicator) }
    try communicator.barrier()
    _ = run.clock.lap()
    let sentBefore = communicator.sentBytes
    let start = PartClock.now
    for _ in 0..<steps {
      let stepStart = PartClock.now
      let (line, _) = try run.trainOneStep()
      let seconds = Double(PartClock.now - stepStart) / 1e9
      tokens += line.tokens_per_second * seconds
      queries += line.queries_per_second * seconds
    }
    seconds = Double(PartClock.now - start) / 1e9
    sentBytes = (communicator.sentBytes - sentBefore) / Double(steps)
    let own = run.clock.lap()
    // The step's time is a mean over the ranks as its parts are, so that they add up to it.
    let sums = try communicator.allReduceSum(StepPart.allCases.map { own[$0] } + [seconds])
    seconds = sums.last! / Double(communicator.rankCount)
    for part in StepPart.allCases { times[part] = sums[part.rawValue] / Double(communicator.rankCount) }
    _ = try trace?.write(communicator)
  }

  /// Collective: every rank calls it.
  func result() throws -> StepBench {
    let communicator = run.communicator
    let setup = run.setup
    let model = ModelShape(setup.model.model)
    var own = StepWork()
    for step in firstStep..<firstStep + steps {
      let read = try communicator.together("reading a batch") { try setup.builder.read(step) }
      let batch = try setup.builder.deal(read, communicator)
      own =
        own
        + StepWork(
          model, try SampledShare(batch, communicator), updated: run.updatedCount,
          scope: setup.configuration.negatives.scope, narrower: setup.objective.narrowerDimensions)
    }
    let parts: [WritableKeyPath<StepWork, Double>] = StepWork.parts
    let sums = try communicator.allReduceSum(parts.map { own[keyPath: $0] } + [sentBytes])
    var work = StepWork()
    for (part, sum) in zip(parts, sums) { work[keyPath: part] = sum / Double(steps) }
    return StepBench(
      self, try MeasuredFloors(setup, communicator), work: work, sentBytes: sums.last! / Double(communicator.rankCount))
  }
}
