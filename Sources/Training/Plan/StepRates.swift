import Communication
import LateInteraction
import Tensors
import Tokenizers

/// What this machine does of each kind of a step's work in a second, of one rank while all are at it, as a mean over
/// the ranks: operations, or bytes through memory.
package struct StepRates: Codable, Sendable {
  package let forwardProducts: Double
  package let backwardProducts: Double
  package let forwardAttention: Double
  package let backwardAttention: Double
  package let maxSim: Double
  package let forwardElementWise: Double
  package let backwardElementWise: Double
  package let optimizer: Double

  /// Times steps of two layers as wide as the model's, with random values and few words: once with all of it trained,
  /// and once with nothing but the head, which is a forward pass. No value of the model need be in memory.
  ///
  /// Collective: every rank calls it.
  init(_ described: DescribedModel, _ texts: [TokenizedSlot], objective: Objective, communicator: any Communicator)
    throws
  {
    let pool = ThreadPool.forRank()
    try communicator.barrier()
    let forward = try Probe(described, texts, objective, training: .head, on: pool).measure()
    try communicator.barrier()
    let whole = try Probe(described, texts, objective, training: .all, on: pool).measure()
    // Every rank does the same work.
    func rate(_ work: Double, _ seconds: Double) throws -> Double {
      let mean = try communicator.allReduceSum([seconds])[0] / Double(communicator.rankCount)
      return work / max(mean, 1e-9)
    }
    func forwardRate(_ work: KeyPath<StepWork, Double>, _ part: StepPart) throws -> Double {
      try rate(forward.work[keyPath: work], forward.times[part])
    }
    func backwardRate(_ work: KeyPath<StepWork, Double>, _ part: StepPart) throws -> Double {
      try rate(whole.work[keyPath: work] - forward.work[keyPath: work], whole.times[part] - forward.times[part])
    }
    forwardProducts = try forwardRate(\.products, .products)
    backwardProducts = try backwardRate(\.products, .products)
    forwardAttention = try forwardRate(\.attention, .attention)
    backwardAttention = try backwardRate(\.attention, .attention)
    maxSim = try forwardRate(\.maxSim, .maxSimAndLoss)
    forwardElementWise = try forwardRate(\.elementWiseBytes, .elementWise)
    backwardElementWise = try backwardRate(\.elementWiseBytes, .elementWise)
    optimizer = try rate(whole.work.optimizerBytes, whole.times[.optimizer])
  }

  /// The seconds that a rank's share of a step takes, by part.
  ///
  /// - Parameter forward: what the same share would be if nothing but the head were trained.
  func times(_ whole: StepWork, forward: StepWork) -> PartTimes {
    var times = PartTimes()
    times[.products] =
      (forward.products + whole.repeatedProducts) / forwardProducts
      + max(0, whole.products - forward.products) / backwardProducts
    times[.attention] =
      (forward.attention + whole.repeatedAttention) / forwardAttention
      + max(0, whole.attention - forward.attention) / backwardAttention
    times[.elementWise] =
      forward.elementWiseBytes / forwardElementWise
      + max(0, whole.elementWiseBytes - forward.elementWiseBytes) / backwardElementWise
    times[.maxSimAndLoss] = whole.maxSim / maxSim
    times[.optimizer] = whole.optimizerBytes / optimizer
    return times
  }
}

/// Steps of a small model of a model's widths, on real texts.
private struct Probe {
  private let model: ColBERTModel
  private let shape: ModelShape
  private let trainer: Trainer
  private let optimizer: AdamW
  private let batch: RankBatch
  private let narrower: [Int]
  /// Of the frozen tensors.
  private let arena = Arena()

  private static let layers = 2
  private static let words = 4_096
  private static let warmUp = 2
  private static let steps = 5

  init(
    _ described: DescribedModel, _ texts: [TokenizedSlot], _ objective: Objective,
    training: LateInteraction.TrainedPart, on pool: ThreadPool
  ) throws {
    var encoder = described.shape.encoder
    encoder.layerCount = min(Self.layers, encoder.layerCount)
    encoder.vocabularySize = min(Self.words, encoder.vocabularySize)
    shape = described.shape.with(encoder, training: training)
    let arena = arena
    func filled(_ tensor: ParameterLayout.Tensor) -> Matrix {
      let isVector = tensor.shape.count == 1
      let matrix = arena.filled(rows: isVector ? 1 : tensor.shape[0], columns: tensor.shape.last!)
      // As models start: norms near one, weights small.
      scaleRows(matrix, by: Array(repeating: isVector ? 1 : 0.05, count: matrix.rows))
      return matrix
    }
    let frozen = shape.layout.tensors.filter { !$0.isTrained }.map { ($0.name, filled($0)) }
    let parameters = Parameters(
      layout: shape.layout, frozen: Dictionary(uniqueKeysWithValues: frozen), owner: arena)
    for tensor in shape.layout.trained { copy(filled(tensor), to: parameters.value(tensor.name)) }
    parameters.allocateGradients()
    model = ColBERTModel(
      encoder: encoder, head: shape.head, reduction: described.folder.style.reduction, unweighted: [],
      parameters: parameters, on: pool)
    model.encoder.precision = shape.precision
    let alone = SoloCommunicator()
    trainer = Trainer(model, objective: objective, seed: 0, communicator: alone)
    narrower = objective.narrowerDimensions
    let settings = AdamWSettings(
      learningRate: 1e-6, headLearningRate: nil, weightDecay: 0.01, decaysVectors: false, betas: (0.9, 0.999),
      epsilon: 1e-8, clipNorm: 1)
    let shards = ParameterShards(of: shape.layout.trainedCount, isSharded: false, alone)
    optimizer = AdamW(settings, shape.layout, shards: shards, on: pool)
    batch = RankBatch(texts, foldingInto: Int32(encoder.vocabularySize))
  }

  /// A step's work, and its time by part.
  func measure() throws -> (work: StepWork, times: PartTimes) {
    let alone = SoloCommunicator()
    for step in 0..<Self.warmUp { try run(step, alone) }
    _ = model.pool.clock.lap()
    let laps = try (0..<Self.steps).map { step in
      try run(Self.warmUp + step, alone)
      return model.pool.clock.lap()
    }
    var times = PartTimes()
    // The median: another program may have been at work during one of them.
    for part in StepPart.allCases { times[part] = laps.map { $0[part] }.sorted()[Self.steps / 2] }
    let work = StepWork(
      shape, try SampledShare(batch, alone), updated: shape.layout.trainedCount, narrower: narrower)
    return (work, times)
  }

  private func run(_ step: Int, _ alone: SoloCommunicator) throws {
    let clock = model.pool.clock
    _ = try clock.measure(.maxSimAndLoss) { try trainer.gradients(of: batch, step: step) }
    try clock.measure(.optimizer) {
      let norm = try optimizer.norm(model.parameters, alone)
      try optimizer.update(model.parameters, step: step, factor: 1, norm: norm, alone)
    }
  }
}

extension RankBatch {
  /// A batch of its own, in one chunk; ids beyond the vocabulary of a small model become others.
  fileprivate init(_ slots: [TokenizedSlot], foldingInto words: Int32) {
    func placed(_ text: TokenizedText, _ slot: Int, _ k: Int) -> PlacedText {
      PlacedText(
        ids: text.ids.map { $0 % words }, keyCount: text.keyCount, givesVector: text.givesVector,
        place: Place(slot: slot, text: k))
    }
    var (queries, documents, targets): ([PlacedText], [PlacedText], [QueryTarget]) = ([], [], [])
    for (slot, texts) in slots.enumerated() {
      queries.append(placed(texts.query, slot, 0))
      let first = documents.count
      documents += texts.documents.enumerated().map { placed($1, slot, 1 + $0) }
      let columns = first..<documents.count
      targets.append(QueryTarget(columns: columns, teacherScores: columns.map { _ in 0 }))
    }
    self.init(
      chunks: [Chunk(queries: queries, documents: documents)], globalQueryCount: slots.count,
      globalDocumentCount: documents.count, targets: targets)
  }
}
