import Communication
import Datasets
import Foundation
import LateInteraction
import TestSupport
import Tensors
import Testing
import Tokenizers

@testable import Training

/// What is trained on the batch that is cut.
enum CutRun: CaseIterable, Sendable {
  /// BERT with query expansion and a skip list, summed scores.
  case pylate
  /// XLM-R, mean scores, a sparse head that the objective does not reach.
  case bgeM3
  /// With frozen words and a frozen layer.
  case listwiseTop2
  /// Nothing but heads is trained.
  case unifiedHead
  case unified, selfDistilled
  /// The last with false negatives masked.
  case masked
  /// With documents drawn at random from a corpus, of which a teacher knows nothing, and rows of one of two weighted files.
  case random
  /// Each query is told from its own documents alone, some of them random.
  case own
  /// With ColBERT losses of the first 64, 24 and 7 components.
  case matryoshka

  fileprivate var settings: ModelSettings {
    let trained: LateInteraction.TrainedPart =
      switch self {
      case .listwiseTop2, .random: .top(2)
      case .unifiedHead: .head
      default: .all
      }
    return ModelSettings(
      path: fixture(self == .pylate ? "tiny-pylate" : "tiny-bge-m3"), trained: trained, dropout: 0.1)
  }

  fileprivate var scope: Configuration.Scope { self == .own ? .own : .global }

  fileprivate var objective: Objective {
    let weights = UnifiedTerms(dense: 1, sparse: 0.1, colbert: 1, ensemble: 1)
    return switch self {
    case .pylate: Objective(temperature: 0.5)
    case .bgeM3: Objective(temperature: 0.1, distillation: .kl)
    case .random: Objective(temperature: 0.1, distillation: .marginMSE, contrastiveWeight: 0.5)
    case .listwiseTop2: Objective(temperature: 0.1, distillation: .m3)
    case .unifiedHead: Objective(temperature: 0.1, unified: weights)
    case .unified: Objective(temperature: 0.1, unified: weights, distillation: .kl)
    case .matryoshka:
      Objective(
        temperature: 0.1, unified: weights, distillation: .kl, selfDistillationStart: CutCase.step,
        matryoshka: Matryoshka(dimensions: [64, 24, 7], weights: [1, 0.5, 2], width: 64))
    case .selfDistilled, .masked, .own:
      Objective(temperature: 0.1, unified: weights, distillation: .m3, selfDistillationStart: CutCase.step)
    }
  }
}

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

/// What some updates left on one rank; of the moments what lies in its shard.
struct TrainedState: Sendable {
  let values: [Float]
  let norms: [Double]
  /// How many of each moment the rank keeps.
  let heldCount: Int
  let firstMoments: [Float]
  let secondMoments: [Float]

  /// In what these two are not the same, bit for bit.
  func differences(from other: TrainedState) -> [String] {
    func bits(_ floats: [Float]) -> [UInt32] { floats.map(\.bitPattern) }
    return [
      ("values", bits(values) == bits(other.values)), ("norms", norms == other.norms),
      ("first moments", bits(firstMoments) == bits(other.firstMoments)),
      ("second moments", bits(secondMoments) == bits(other.secondMoments)),
    ].filter { !$0.1 }.map(\.0)
  }
}

/// What must be the same however the batch is cut.
struct CutOutcome: Equatable, Sendable {
  /// Where the share's queries stand in the global batch.
  let slots: [Int]
  /// What the heads make of the share's queries, each query by itself.
  private let queries: [[Float]]
  /// A fingerprint of what they make of each document of the global batch.
  private let documents: [Int]
  /// The winners of each query's tokens, over all documents; nil if they are on several ranks or in several blocks.
  private let winners: [[Int]]?
  /// Each query's scores under each head.
  private let scores: [[Float]]
  private let losses: [QueryLoss]
  /// The rows of the word table that have a gradient.
  private let words: [Int32]
  let gradient: [Float]

  init(_ trainer: Trainer, _ batch: RankBatch, slots: [Int], _ communicator: any Communicator) throws {
    self.slots = slots
    let scored = try trainer.score(batch, step: CutCase.step)
    let (ours, matrices) = (scored.queries, scored.exchange.scores.all)
    queries = (0..<ours.count).map { ours.texts($0..<$0 + 1).values }
    let own = scored.documents
    let gathered = try communicator.allGather((0..<own.count).map { fingerprint(own.texts($0..<$0 + 1).values) })
    let columns = try communicator.allGather(batch.documentColumns).flatMap { $0 }
    let places = columns.indices.sorted { columns[$0] < columns[$1] }
    documents = places.map { Array(gathered.joined())[$0] }
    winners = (scored.exchange as? DocumentExchange)?.winners.map { table in
      (0..<ours.count).map { query in
        (ours.vectors.starts[query]..<ours.vectors.starts[query + 1]).flatMap { row in
          places.map { table[row, $0] }
        }
      }
    }
    scores = (0..<ours.count).map { query in matrices.flatMap { $0.rows(query..<query + 1).values } }
    losses = try trainer.gradients(of: batch, step: CutCase.step)
    words = trainer.model.parameters.wordGradients?.rows ?? []
    gradient = trainer.model.parameters.allGradientValues
  }

  /// In what a share differs from the uncut batch; empty when the law of cuts holds.
  ///
  /// Vectors, winners, scores, each query's loss and the words bit for bit; the gradient to 1e-5, since sums over ranks
  /// and chunks are added in another order (float32's rounding, 6e-8, over a few dozen partial sums).
  ///
  /// - Parameter bound: of the gradient's error.
  func differences(from whole: CutOutcome, gradientWithin bound: Double = 1e-5) -> [String] {
    var found: [String] = []
    if queries != slots.map({ whole.queries[$0] }) { found.append("queries") }
    if documents != whole.documents { found.append("documents") }
    if let winners, winners != slots.map({ whole.winners![$0] }) { found.append("winners") }
    if scores != slots.map({ whole.scores[$0] }) { found.append("scores") }
    if losses != slots.map({ whole.losses[$0] }) { found.append("losses") }
    if words != whole.words { found.append("words") }
    let error = relativeError(gradient, whole.gradient)
    if error > bound { found.append("gradient by \(error)") }
    return found
  }
}

/// Of the bits (FNV-1a); the same in every process, as `Hasher`'s are not.
private func fingerprint(_ values: [Float]) -> Int {
  Int(
    bitPattern: UInt(
      values.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1.bitPattern)) &* 0x100_0000_01b3 }))
}

extension EncodedTexts {
  /// Every number: vectors, dense vectors, ids and their weights.
  fileprivate var values: [Float] {
    vectors.rows.values + (dense?.values ?? []) + (sparse?.ids.map(Float.init) ?? [])
      + (sparse?.weights.rows.values ?? [])
  }
}

/// A cache of the frozen layers' states that the ranks share.
struct CutCache {
  let folder: String
  let precision: Configuration.Cache.Precision

  fileprivate func install(in loaded: LoadedModel, rank: Int) throws {
    loaded.model.encoder.frozenPrefix = try FrozenPrefixCache(folder, precision, loaded, digests: [], rank: rank) {
      Issue.record("rank \(rank): \($0)")
    }
  }
}

/// Faults that the comparison must notice: it could otherwise pass for no reason.
enum PlantedFault: CaseIterable, Sendable {
  /// As by averaging where a sum belongs, and the other way round.
  case gradientTimesRanks
  /// Dropout drawn by where a text lies on its rank.
  case localRowInDropoutKey
  /// On the last rank, so that the other targets stay what they are.
  case lastChunkDropped

  /// Whether a cut shows the fault at all.
  func shows(rankCount: Int, accumulation: Int) -> Bool {
    switch self {
    case .gradientTimesRanks: rankCount > 1
    case .localRowInDropoutKey: rankCount > 1 || accumulation > 1
    case .lastChunkDropped: accumulation > 1
    }
  }

  func applied(to batch: RankBatch, onLastRank isLast: Bool) -> RankBatch {
    switch self {
    case .gradientTimesRanks: return batch
    case .localRowInDropoutKey:
      var local = 0
      return RankBatch(
        chunks: batch.chunks.map { chunk in
          defer { local += chunk.queryCount }
          let slots = chunk.tokens.places.prefix(chunk.queryCount).map(\.slot)
          return chunk.replaced { Place(slot: local + slots.firstIndex(of: $0.slot)!, text: $0.text) }
        }, globalQueryCount: batch.globalQueryCount, globalDocumentCount: batch.globalDocumentCount,
        targets: batch.targets)
    case .lastChunkDropped:
      guard isLast else { return batch }
      let chunks = Array(batch.chunks.dropLast())
      let queries = chunks.reduce(0) { $0 + $1.queryCount }
      return RankBatch(
        chunks: chunks, globalQueryCount: batch.globalQueryCount, globalDocumentCount: batch.globalDocumentCount,
        targets: Array(batch.targets.prefix(queries)))
    }
  }
}

extension Chunk {
  /// The same texts at other places.
  fileprivate func replaced(_ place: (Place) -> Place) -> Chunk {
    let texts = (0..<tokens.textCount).map { text -> PlacedText in
      let range = tokens.starts[text]..<tokens.starts[text + 1]
      let counted = Set(tokens.vectorTokens[tokens.vectorStarts[text]..<tokens.vectorStarts[text + 1]])
      return PlacedText(
        ids: Array(tokens.ids[range]), keyCount: tokens.keyCounts[text], givesVector: range.map(counted.contains),
        place: place(tokens.places[text]))
    }
    return Chunk(queries: Array(texts.prefix(queryCount)), documents: Array(texts.dropFirst(queryCount)))
  }
}

/// A communicator whose gradient sums come out multiplied by the number of ranks.
private final class GradientTimesRanks: ForwardingCommunicator {
  let base: any Communicator
  init(_ base: any Communicator) { self.base = base }

  func beginSum(_ values: any LastingFloats) throws(CommunicationError) {
    try values.withMutableSpan { (values) throws(CommunicationError) in
      try base.allReduceSum(&values)
      for i in 0..<values.count { values[i] *= Float(rankCount) }
    }
  }
}

extension Parameters {
  /// Every trained tensor's gradient, in the order of the layout.
  var allGradientValues: [Float] { layout.trained.flatMap { gradientValues($0.name)! } }

  func gradientValues(_ name: String) -> [Float]? {
    let arena = Arena()
    return withExtendedLifetime(arena) { gradient(name, in: arena)?.values }
  }
}
