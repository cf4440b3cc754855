import Communication
import Datasets
import Foundation
import LateInteraction
import TestSupport
import Tensors
import Testing
import Tokenizers

@testable import Training

/// One global batch of real texts, to be cut in every way: 11 queries with no, one or two hard negatives, dropout 0.1.
struct CutCase {
  static let queryCount = 11
  /// Not 0, so that the dropout key's step shows.
  static let step = 3
  private let run: CutRun
  private let data: TrainingData
  private let random: RandomDocuments?

  init(_ run: CutRun) throws {
    self.run = run
    (data, random) = try withFolder(["train.jsonl": try Self.rows(), "corpus.jsonl": Self.corpus]) { folder in
      let data = try TrainingData(paths: ["\(folder)/train.jsonl"])
      guard run == .random || run == .own else { return (data, nil) }
      return (data, try RandomDocuments(2, from: "\(folder)/corpus.jsonl", data, seed: 7))
    }
  }

  /// Three and two whole batches an epoch.
  private static let files = [SampledFile(rows: 0..<6, weight: 5.5), SampledFile(rows: 6..<11, weight: 4.4)]
  private static let corpus = (0..<20).map { number in
    #"{"text": "random document \#(number)\#(String(repeating: " and so on", count: number % 5))"}\#n"#
  }.joined()

  /// The batch of one rank in one chunk, on one thread.
  static func whole(_ run: CutRun) throws -> CutOutcome { try wholes[run]!.get() }

  private static let wholes = Dictionary(
    uniqueKeysWithValues: CutRun.allCases.map { run in
      (run, Result { try CutCase(run).outcome(SoloCommunicator(), accumulation: 1, threads: 1) })
    })

  private static func rows() throws -> String {
    let source = try TrainingData(paths: [fixture("pylate-train.jsonl")])
    return try (0..<queryCount).map { i in
      let row = try source.row(i % source.count)
      let negatives = try (0..<i % 3).map { try source.row((i + 2 + $0) % source.count).negatives[0] }
      let object: [String: Any] = [
        "query": "\(row.query) \(i)", "pos": row.positives, "neg": negatives,
        "pos_scores": row.positives.map { _ in Double(i % 5) },
        "neg_scores": negatives.indices.map { 1.5 - Double($0) },
      ]
      return String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self) + "\n"
    }.joined()
  }

  /// The outcome of this rank's share of the batch. Collective: every rank calls it.
  func outcome(
    _ communicator: any Communicator, accumulation: Int, threads: Int, fault: PlantedFault? = nil,
    cache: CutCache? = nil, recompute: Configuration.Recompute = .none,
    exchange: ExchangeSettings = ExchangeSettings(), precision: ProductPrecision = .float32
  ) throws -> CutOutcome {
    var settings = run.settings
    settings.precision = precision
    let loaded = try LoadedModel(settings, trains: true, on: ThreadPool(threadCount: threads))
    loaded.model.encoder.recomputesLayers = recompute == .layers
    try cache?.install(in: loaded, rank: communicator.rank)
    let sampler = Sampler(
      counts: data.counts, files: run == .random ? Self.files : nil, batchQueries: Self.queryCount,
      from: run == .random ? .oneFile : .mixed, negativesPerQuery: 2, shuffle: true, seed: 7)
    let builder = BatchBuilder(
      data: data, sampler: sampler, random: random, input: loaded.input, mask: run == .masked ? .duplicates : .none,
      scope: run.scope, accumulation: accumulation, rank: communicator.rank, rankCount: communicator.rankCount)
    var batch = try builder.deal(builder.read(Self.step), communicator)
    let slots = batch.slots
    if let fault { batch = fault.applied(to: batch, onLastRank: communicator.rank == communicator.rankCount - 1) }
    var exchange = exchange
    exchange.scope = run.scope
    let trainer = Trainer(
      loaded.model, objective: run.objective, exchange: exchange, seed: 9,
      communicator: fault == .gradientTimesRanks ? GradientTimesRanks(communicator) : communicator)
    return try CutOutcome(trainer, batch, slots: slots, communicator)
  }
}

extension CutCase {
  /// The state after three updates of the parameters by a rank's share of three batches, with clipping and decay.
  ///
  /// Collective: every rank calls it. `updating` is what the optimiser has for a communicator.
  func trained(
    _ communicator: any Communicator, isSharded: Bool, updating: (any Communicator)? = nil
  ) throws -> TrainedState {
    let loaded = try LoadedModel(run.settings, trains: true, on: ThreadPool(threadCount: 1))
    let parameters = loaded.model.parameters
    let sampler = Sampler(counts: data.counts, batchQueries: 4, negativesPerQuery: 2, shuffle: true, seed: 7)
    let builder = BatchBuilder(
      data: data, sampler: sampler, input: loaded.input, accumulation: 1, rank: communicator.rank,
      rankCount: communicator.rankCount)
    let trainer = Trainer(loaded.model, objective: run.objective, seed: 9, communicator: communicator)
    let settings = AdamWSettings(
      learningRate: 1e-3, headLearningRate: 2e-3, weightDecay: 0.1, decaysVectors: false, betas: (0.9, 0.999),
      epsilon: 1e-8, clipNorm: 0.1)
    let shards = ParameterShards(of: parameters.layout.trainedCount, isSharded: isSharded, communicator)
    let optimizer = AdamW(settings, parameters.layout, shards: shards, on: loaded.model.pool)
    let norms = try (0..<3).map { step in
      _ = try trainer.gradients(
        of: try builder.deal(builder.read(step), communicator), step: step, shards: shards)
      let norm = try optimizer.norm(parameters, communicator)
      try optimizer.update(parameters, step: step, factor: 1, norm: norm, updating ?? communicator)
      return norm
    }
    func own(_ moments: borrowing Storage) -> [Float] {
      moments.matrix(at: shards.own.lowerBound - optimizer.held.lowerBound, rows: 1, columns: shards.own.count).values
    }
    return TrainedState(
      values: parameters.allValues.values, norms: norms, heldCount: optimizer.firstMoments.count,
      firstMoments: own(optimizer.firstMoments), secondMoments: own(optimizer.secondMoments))
  }
}

/// A cache of the frozen layers' states that the ranks share.
struct CutCache {
  let folder: String
  let precision: Configuration.Cache.Precision

  func install(in loaded: LoadedModel, rank: Int) throws {
    loaded.model.encoder.frozenPrefix = try FrozenPrefixCache(folder, precision, loaded, digests: [], rank: rank) {
      Issue.record("rank \(rank): \($0)")
    }
  }
}
