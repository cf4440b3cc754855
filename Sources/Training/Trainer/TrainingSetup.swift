import Checkpoints
import Communication
import Datasets
import LateInteraction
import Logging
import Tensors
import Tokenizers

/// What a configuration needs to compute gradients: the model, the data and the trainer.
struct TrainingSetup {
  let configuration: Configuration
  let model: LoadedModel
  let objective: Objective
  let data: TrainingData
  let files: TrainingFiles
  let sampler: Sampler
  /// Nil without `negatives.random`.
  let random: RandomDocuments?
  let trainer: Trainer
  let builder: BatchBuilder
  /// The frozen layers' hidden states on disk; nil without `cache.directory`.
  let frozenPrefix: FrozenPrefixCache?

  /// Loads everything. Collective: every rank calls it; a fault on one is an error on all.
  init(
    _ configuration: Configuration, communicator: any Communicator, console: Console, on pool: ThreadPool
  ) throws {
    let seed = UInt64(configuration.run.seed)
    let precision = try communicator.agreedPrecision(configuration.model.precision, console: console)
    let (model, data, random, objective) = try communicator.together("loading the model and the data") {
      let model = try LoadedModel(ModelSettings(configuration, precision: precision), trains: true, on: pool)
      try model.requireHeads(for: configuration.loss.objective)
      let data = try TrainingData(configuration)
      if configuration.loss.distillation != .none { try data.requireTeacherScores() }
      if configuration.loss.distillation == .marginMSE { try data.requireNegatives() }
      let objective = try Objective(
        configuration.loss, defaultTemperature: model.folder.style.temperature, width: model.model.head.shape.dimension)
      return (model, data, try RandomDocuments(configuration, data), objective)
    }
    try communicator.requireSameFiles(model.folder.files)
    let paths = configuration.data.train.map(\.path)
    let corpus = configuration.negatives.corpus.map(PathCheck.corpusFile)
    files = TrainingFiles(
      paths: paths, corpus: corpus,
      digests: try communicator.digests(ofSameFiles: paths + (corpus.map { [$0] } ?? [])))
    frozenPrefix = try Self.frozenPrefix(configuration.cache, model, communicator, console)
    model.model.encoder.frozenPrefix = frozenPrefix
    model.model.encoder.recomputesLayers = configuration.batch.recompute == .layers
    self.configuration = configuration
    self.model = model
    self.data = data
    self.random = random
    self.objective = objective
    sampler = Sampler(configuration, data)
    trainer = Trainer(
      model.model, objective: objective,
      exchange: ExchangeSettings(configuration.negatives), seed: seed, overlap: configuration.run.overlap,
      communicator: communicator)
    builder = BatchBuilder(
      data: data, sampler: sampler, random: random, input: model.input, mask: configuration.negatives.mask,
      scope: configuration.negatives.scope,
      accumulation: configuration.batch.accumulation,
      rank: communicator.rank, rankCount: communicator.rankCount)
  }

  /// Opens the cache of the frozen layers, if there is to be one. Collective: every rank calls it.
  private static func frozenPrefix(
    _ cache: Configuration.Cache, _ model: LoadedModel, _ communicator: any Communicator, _ console: Console
  ) throws -> FrozenPrefixCache? {
    guard let directory = cache.directory else { return nil }
    let (rank, host) = (communicator.rank, communicator.hostName)
    // Every rank has files of its own, so each speaks for itself.
    let logger = rank == 0 ? console.logger : Console.standardError().logger
    return try communicator.together("opening the cache \(directory)") {
      guard model.model.encoder.frozenLayerCount > 0 else {
        throw UsageError(
          """
          cache.directory: no layer below the \(model.folder.encoder.layerCount) that train is frozen, so there is \
          nothing to keep; leave it out, or train fewer layers
          """)
      }
      let digests = try model.folder.encoderFiles.map { try sha256(ofFile: $0) ?? "absent" }
      return try FrozenPrefixCache(directory, cache.precision, model, digests: digests, rank: rank) {
        logger.warning("rank \(rank) on \(host): \($0)")
      }
    }
  }

  /// What a person should know of negatives that are not the whole batch's; nil if they are.
  var scopeWarning: String? {
    switch configuration.negatives.scope {
    case .global: return nil
    case .rank:
      return
        "negatives.scope: rank: the result depends on the number of ranks; global and own are the same on any number"
    case .own:
      let without = random == nil ? data.counts.count { $0.negatives == 0 } : 0
      return without == 0
        ? nil
        : "negatives.scope: own: rows without a negative, from which nothing is learnt: \(without) of \(data.count)"
    }
  }

  /// What a person should know of a loss that the whole vectors have no part in; nil if they have.
  var matryoshkaWarning: String? {
    guard objective.matryoshka.wholeWeight == 0 else { return nil }
    let width = model.model.head.shape.dimension
    return """
      loss.matryoshka: the model's \(width) components are not among the dimensions, so that the whole vectors, which are \
      evaluated and exported, have no loss of their own; put \(width) first
      """
  }

  /// The run's length: `steps`, else as many as `epochs` take.
  var totalSteps: Int { configuration.run.steps ?? configuration.run.epochs * sampler.stepsPerEpoch }
}

extension LoadedModel {
  fileprivate func requireHeads(for objective: Configuration.Objective) throws {
    guard objective == .unified else { return }
    let advice = "take a BGE-M3 folder that has been trained, or set loss.objective to colbert"
    guard model.sparse != nil else {
      throw UsageError(
        """
        loss.objective: unified trains dense, sparse and ColBERT scores, but \(folder.path) has no sparse head \
        (sparse_linear.pt); \(advice)
        """)
    }
    // Then every weight is relu(0), whose slope is zero.
    let tensors = ["weight", "bias"].map { model.parameters.value("\(SparseHead.name).\($0)") }
    guard tensors.contains(where: { $0.values.contains { $0 != 0 } }) else {
      throw UsageError(
        """
        loss.objective: the sparse head of \(folder.path) is all zeros, as of a model that had none, and cannot learn; \
        \(advice)
        """)
    }
  }
}

extension TrainingData {
  /// Rows that have none are good beside others that have.
  fileprivate func requireNegatives() throws {
    guard counts.allSatisfy({ $0.negatives == 0 }) else { return }
    throw UsageError(
      """
      loss.distillation: margin_mse compares a row's positive with its own negatives, and no row of data.train has any; \
      colbert mine finds some
      """)
  }

  /// The rows of a configuration, with the negatives that may be drawn.
  init(_ configuration: Configuration) throws {
    try self.init(
      paths: configuration.data.train.map(\.path), leavesOutPositives: configuration.negatives.mask == .duplicates)
  }
}

extension Sampler {
  /// The batches that a configuration makes of its rows.
  init(_ configuration: Configuration, _ data: TrainingData) {
    self.init(
      counts: data.counts,
      files: zip(data.rowsByFile, configuration.data.train).map { SampledFile(rows: $0, weight: $1.weight) },
      batchQueries: configuration.batch.queries, from: configuration.data.batches == .mixed ? .mixed : .oneFile,
      negativesPerQuery: configuration.data.negativesPerQuery, shuffle: configuration.data.shuffle,
      seed: UInt64(configuration.run.seed))
  }
}

extension RandomDocuments {
  /// What a configuration draws beside the rows' own documents; nil: nothing.
  init?(_ configuration: Configuration, _ data: TrainingData) throws {
    let negatives = configuration.negatives
    guard negatives.random > 0 else { return nil }
    try self.init(
      negatives.random, from: negatives.corpus.map(PathCheck.corpusFile), data, seed: UInt64(configuration.run.seed))
  }
}

extension ModelSettings {
  /// What a configuration says of its model.
  ///
  /// - Parameter precision: what the ranks have agreed on; see ``Communicator/agreedPrecision(_:console:)``.
  init(_ configuration: Configuration, path: String? = nil, precision: ProductPrecision) {
    let trained: LateInteraction.TrainedPart =
      switch configuration.model.train {
      case .head: .head
      case .all: .all
      case .top(let layers): .top(layers)
      }
    let style: ModelStyle? =
      switch configuration.model.style {
      case .auto: nil
      case .bgeM3: .bgeM3
      case .colbert: .colbert
      }
    self.init(
      path: path ?? configuration.model.folder ?? configuration.model.path, style: style,
      dimension: configuration.model.dimension, trained: trained,
      dropout: configuration.model.dropout, queryMaxLength: configuration.data.queryMaxLength,
      documentMaxLength: configuration.data.documentMaxLength, seed: UInt64(configuration.run.seed),
      reached: ReachedHeads(configuration.loss), precision: precision)
  }
}
