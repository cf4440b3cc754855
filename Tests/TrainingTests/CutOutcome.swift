import Communication
import LateInteraction
import TestSupport
import Tensors

@testable import Training

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

extension Parameters {
  /// Every trained tensor's gradient, in the order of the layout.
  var allGradientValues: [Float] { layout.trained.flatMap { gradientValues($0.name)! } }

  func gradientValues(_ name: String) -> [Float]? {
    let arena = Arena()
    return withExtendedLifetime(arena) { gradient(name, in: arena)?.values }
  }
}
