package import Communication
import Datasets
import Foundation
import LateInteraction
package import Tensors

/// What is known of the connection between ranks.
package struct RankLink: Codable, Sendable {
  /// Bytes that a rank sends in a second.
  package var bytesPerSecond: Double
  /// What a collective costs for each rank that takes part, however little it carries.
  package var secondsPerRank: Double
  /// Between the ranks of this job; else it was stated.
  package var isMeasured: Bool

  package init(bytesPerSecond: Double, secondsPerRank: Double, isMeasured: Bool) {
    self.bytesPerSecond = bytesPerSecond
    self.secondsPerRank = secondsPerRank
    self.isMeasured = isMeasured
  }

  /// A common cluster's: 10 Gbit/s, and 5 µs a message.
  package static let assumed = RankLink(bytesPerSecond: 1.25e9, secondsPerRank: 5e-6, isMeasured: false)

  /// Collective: every rank calls it.
  init(measuring communicator: any Communicator) throws {
    let times = try CollectiveBench(largest: 1 << 24, seconds: 0.1, communicator: communicator).times
    let small = times.filter { $0.bytes <= 1_024 && $0.bytes > 0 }.map(\.medianSeconds)
    self.init(
      bytesPerSecond: times.filter { $0.bytes == times.map(\.bytes).max()! }.compactMap(\.bytesPerSecond).min() ?? 1,
      secondsPerRank: small.reduce(0, +) / Double(max(1, small.count)) / Double(communicator.rankCount),
      isMeasured: true)
  }
}

/// What is asked of a plan.
package struct PlanRequest: Codable, Sendable {
  package var configuration: Configuration
  package var rankCounts: [Int]
  /// Makes `batch.queries` grow with the ranks; nil: it stays what it is.
  package var queriesPerRank: Int?
  /// Nil: as measured between the ranks of this job, or ``RankLink/assumed`` if there is only one.
  package var link: RankLink?
  /// What a rank may use, in bytes; nil: its share of this machine's.
  package var memory: Int?

  package init(
    configuration: Configuration, rankCounts: [Int], queriesPerRank: Int?, link: RankLink?, memory: Int?
  ) {
    self.configuration = configuration
    self.rankCounts = rankCounts
    self.queriesPerRank = queriesPerRank
    self.link = link
    self.memory = memory
  }
}

/// What a configuration would take on so many ranks: memory, bytes on the wire, time, disk, before any run.
package struct TrainingPlan: Codable, Sendable {
  package let trainedParameters: Int
  package let parameters: Int
  package let rows: Int
  package let realTokensPerQuery: Double
  package let threadsPerRank: Int
  /// Of the encoder's products, as measured.
  package let precision: ProductPrecision
  package let rates: StepRates
  package let link: RankLink
  /// What a rank may use, in bytes.
  package let memory: Int
  package let runs: [PlannedRun]

  /// Tokenizes a sample of the data and times a few steps of two layers; loads no model. Collective: every rank calls it.
  package init(_ request: PlanRequest, communicator: any Communicator, console: Console) throws {
    let configuration = request.configuration
    let precision = try communicator.agreedPrecision(configuration.model.precision, console: console)
    self.precision = precision
    let (described, data) = try communicator.together("reading the model and the data") {
      let described = try DescribedModel(ModelSettings(configuration, precision: precision), trains: true)
      return (described, try TrainingData(configuration))
    }
    let collection = try communicator.together("opening the evaluation data") {
      try configuration.evaluation.data.map { try RetrievalCollection(path: $0) }
    }
    let sampler = Sampler(configuration, data)
    let sample = try communicator.together("tokenizing a sample of the data") {
      try SampledSlots(data, sampler, RandomDocuments(configuration, data), described.input)
    }
    let program = try communicator.allGather([ProcessMemory.now().anonymous]).joined().max() ?? 0
    let objective = try communicator.together("reading the loss") {
      try Objective(
        configuration.loss, defaultTemperature: described.folder.style.temperature,
        width: described.shape.head.dimension)
    }
    rates = try StepRates(
      described, sample.first(tokens: 4_096), objective: objective, communicator: communicator)
    link = try request.link ?? (communicator.rankCount > 1 ? RankLink(measuring: communicator) : .assumed)
    threadsPerRank = ThreadPool.forRank().threadCount
    memory = request.memory ?? machineMemory() * threadsPerRank / ProcessInfo.processInfo.processorCount
    let planner = RunPlanner(
      shape: described.shape.with(configuration), sample: sample, scored: ScoredHeads(objective),
      collection: collection,
      sampler: sampler, program: program, threadCount: threadsPerRank, rates: rates, link: link,
      memory: memory)
    runs = request.rankCounts.map { rankCount in
      var asked = configuration
      if let queries = request.queriesPerRank { asked.batch.queries = queries * rankCount }
      return planner.run(asked, rankCount: rankCount)
    }
    trainedParameters = described.shape.layout.trainedCount
    parameters = described.shape.layout.tensors.reduce(0) { $0 + $1.count }
    rows = data.count
    realTokensPerQuery = sample.realTokensPerQuery
  }
}

extension ModelShape {
  /// The shape of another encoder with the same heads.
  func with(_ encoder: EncoderConfiguration, training: LateInteraction.TrainedPart) -> ModelShape {
    ModelShape(
      encoder: encoder, head: head,
      layout: ParameterLayout(encoder: encoder, head: head, hasSparseHead: hasSparseHead, training: training),
      hasSparseHead: hasSparseHead, readsStates: false, recomputesLayers: false, precision: precision)
  }

  /// As a configuration would have it computed.
  func with(_ configuration: Configuration) -> ModelShape {
    var shape = self
    shape.readsStates = configuration.cache.directory != nil && frozenLayerCount > 0
    shape.recomputesLayers = configuration.batch.recompute == .layers
    return shape
  }
}
