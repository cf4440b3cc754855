import Communication
import Datasets
import Foundation
import LateInteraction
import TestSupport
import Tensors
import Tokenizers

@testable import Training

/// What is trained on the batch that is cut.
enum CutModel: CaseIterable, Sendable {
  /// BERT with query expansion and a skip list, summed scores.
  case pylate
  /// XLM-R, mean scores, a sparse head that the objective does not reach.
  case bgeM3
  /// The same with frozen words and a frozen layer.
  case bgeM3Top2

  fileprivate var settings: ModelSettings {
    switch self {
    case .pylate: ModelSettings(path: fixture("tiny-pylate"), trained: .all, dropout: 0.1)
    case .bgeM3: ModelSettings(path: fixture("tiny-bge-m3"), trained: .all, dropout: 0.1)
    case .bgeM3Top2: ModelSettings(path: fixture("tiny-bge-m3"), trained: .top(2), dropout: 0.1)
    }
  }
}

/// One global batch of real texts, to be cut in every way: 11 queries with no, one or two hard negatives, dropout 0.1.
struct CutCase {
  static let queryCount = 11
  /// Not 0, so that the dropout key's step shows.
  static let step = 3
  private let model: CutModel
  private let data: TrainingData

  /// The batch of one rank in one chunk, on one thread.
  static func whole(_ model: CutModel = .pylate) throws -> CutOutcome {
    try CutCase(model).outcome(SoloCommunicator(), accumulation: 1, threads: 1)
  }

  init(_ model: CutModel = .pylate) throws {
    self.model = model
    data = try withFolder(["train.jsonl": try Self.rows()]) { try TrainingData(paths: ["\($0)/train.jsonl"]) }
  }

  private static func rows() throws -> String {
    let source = try TrainingData(paths: [fixture("pylate-train.jsonl")])
    return try (0..<queryCount).map { i in
      let row = try source.row(i % source.count)
      let negatives = try (0..<i % 3).map { try source.row((i + 2 + $0) % source.count).negatives[0] }
      let object: [String: Any] = ["query": "\(row.query) \(i)", "pos": row.positives, "neg": negatives]
      return String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self) + "\n"
    }.joined()
  }

  /// The outcome of this rank's share of the batch. Collective: every rank calls it.
  func outcome(
    _ communicator: any Communicator, accumulation: Int, threads: Int, fault: PlantedFault? = nil
  ) throws -> CutOutcome {
    let loaded = try LoadedModel(model.settings, trains: true, on: ThreadPool(threadCount: threads))
    let sampler = Sampler(
      counts: data.counts, batchQueries: Self.queryCount, negativesPerQuery: 2, shuffle: true, seed: 7)
    let builder = BatchBuilder(
      data: data, sampler: sampler, input: loaded.input, accumulation: accumulation, rank: communicator.rank,
      rankCount: communicator.rankCount)
    var batch = try builder.batch(Self.step)
    if let fault { batch = fault.applied(to: batch, onLastRank: communicator.rank == communicator.rankCount - 1) }
    let trainer = Trainer(
      loaded.model, temperature: 0.5, seed: 9,
      communicator: fault == .gradientTimesRanks ? GradientTimesRanks(communicator) : communicator)
    let share = builder.plan(Self.step).share(rank: communicator.rank, rankCount: communicator.rankCount)
    return try CutOutcome(trainer, batch, share: share)
  }
}

/// What must be the same however the batch is cut.
struct CutOutcome: Equatable {
  let share: Range<Int>
  /// The vectors of the share's queries, each query's by itself.
  private let queries: [[Float]]
  /// The vectors of all documents, end to end.
  private let documents: [Float]
  /// The winners of each query's tokens, over all documents.
  private let winners: [[Int]]
  private let losses: [Double]
  /// The rows of the word table that have a gradient.
  private let words: [Int32]
  let gradient: [Float]

  init(_ trainer: Trainer, _ batch: RankBatch, share: Range<Int>) throws {
    self.share = share
    let scored = try trainer.score(batch, step: CutCase.step)
    let starts = scored.queries.starts
    let table = scored.result.winners!
    let queryRows = (0..<starts.count - 1).map { starts[$0]..<starts[$0 + 1] }
    queries = queryRows.map { scored.queries.rows.rows($0).values }
    documents = scored.documents.rows.values
    winners = queryRows.map { rows in rows.flatMap { row in (0..<table.columns).map { table[row, $0] } } }
    losses = try trainer.gradients(of: batch, step: CutCase.step)
    words = trainer.model.parameters.wordGradients?.rows ?? []
    gradient = trainer.model.parameters.allGradientValues
  }

  /// In what a share differs from the uncut batch; empty when the law of cuts holds.
  ///
  /// Vectors, winners, each query's loss and the words bit for bit; the gradient to 1e-5, since sums over ranks and chunks are
  /// added in another order (float32's rounding, 6e-8, over a few dozen partial sums).
  func differences(from whole: CutOutcome) -> [String] {
    var found: [String] = []
    if queries != Array(whole.queries[share].prefix(queries.count)) || queries.count != share.count {
      found.append("query vectors")
    }
    if documents != whole.documents { found.append("document vectors") }
    if winners != Array(whole.winners[share]) { found.append("winners") }
    if losses != Array(whole.losses[share]) { found.append("losses") }
    if words != whole.words { found.append("words") }
    let error = relativeError(gradient, whole.gradient)
    if error > 1e-5 { found.append("gradient by \(error)") }
    return found
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
    case .gradientTimesRanks, .localRowInDropoutKey: rankCount > 1
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
          let first = chunk.tokens.places[0].slot
          return chunk.replaced { Place(slot: $0.slot - first + local, text: $0.text) }
        }, globalQueryCount: batch.globalQueryCount, targets: batch.targets)
    case .lastChunkDropped:
      guard isLast else { return batch }
      let chunks = Array(batch.chunks.dropLast())
      let queries = chunks.reduce(0) { $0 + $1.queryCount }
      return RankBatch(
        chunks: chunks, globalQueryCount: batch.globalQueryCount, targets: Array(batch.targets.prefix(queries)))
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
private final class GradientTimesRanks: Communicator {
  private let base: any Communicator
  init(_ base: any Communicator) { self.base = base }

  var rank: Int { base.rank }
  var rankCount: Int { base.rankCount }
  var hostName: String { base.hostName }
  var context: String {
    get { base.context }
    set { base.context = newValue }
  }
  var timeout: Duration {
    get { base.timeout }
    set { base.timeout = newValue }
  }

  func allReduceSum(_ values: inout MutableSpan<Float>) throws(CommunicationError) {
    try base.allReduceSum(&values)
    for i in 0..<values.count { values[i] *= Float(rankCount) }
  }
  func allGather(
    _ local: Span<Float>, into all: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) { try base.allGather(local, into: &all, rowCounts: rowCounts, columns: columns) }
  func reduceScatterSum(
    _ all: Span<Float>, into local: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) { try base.reduceScatterSum(all, into: &local, rowCounts: rowCounts, columns: columns) }
  func allGather(bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]] { try base.allGather(bytes: bytes) }
  func broadcast(_ bytes: [UInt8], from root: Int) throws(CommunicationError) -> [UInt8] {
    try base.broadcast(bytes, from: root)
  }
  func barrier() throws(CommunicationError) { try base.barrier() }
  func abort(status: Int32) -> Never { base.abort(status: status) }
}

extension Parameters {
  /// Every trained tensor's gradient, in the order of the layout.
  var allGradientValues: [Float] { layout.trained.flatMap { gradientValues($0.name)! } }

  func gradientValues(_ name: String) -> [Float]? {
    let arena = Arena()
    return withExtendedLifetime(arena) { gradient(name, in: arena)?.values }
  }
}
