package import Communication
import LateInteraction
import Tensors

/// The sizes of `bench maxsim`.
package struct MaxSimSizes: Codable, Sendable {
  package let queries: Int
  package let documents: Int
  package let queryTokens: Int
  package let documentTokens: Int
  package let dimension: Int

  package init(queries: Int, documents: Int, queryTokens: Int, documentTokens: Int, dimension: Int) {
    self.queries = queries
    self.documents = documents
    self.queryTokens = queryTokens
    self.documentTokens = documentTokens
    self.dimension = dimension
  }

  /// Of the forward: every query token with every document token.
  package var operations: Double {
    2 * Double(queries * queryTokens) * Double(documents * documentTokens) * Double(dimension)
  }

  /// What the similarities would take as one array.
  package var similarityBytes: Int { 4 * queries * queryTokens * documents * documentTokens }
}

/// What `bench maxsim` has measured: the slowest rank's times, while all ranks are at it.
package struct MaxSimBench: Codable, Sendable {
  package let sizes: MaxSimSizes
  package let ranks: Int
  package let threadsPerRank: Int
  package let forwardSeconds: Double
  package let backwardSeconds: Double
  /// Operations a second of the forward, and of an encoder's products just before and just after.
  package let forwardRate: Double
  package let productRate: Double
  /// The most memory beside the vectors and their gradients, in bytes.
  package let extraBytes: Int

  /// Scores made-up vectors of unit length. Collective: every rank calls it.
  ///
  /// - Parameter repeats: how often; the shortest time counts.
  package init(_ sizes: MaxSimSizes, repeats: Int, communicator: any Communicator) throws {
    self.sizes = sizes
    let pool = ThreadPool.forRank()
    let arena = Arena()
    func texts(_ count: Int, _ length: Int) -> TextVectors {
      let rows = arena.filled(rows: count * length, columns: sizes.dimension)
      normalizeRows(rows, lengths: arena.matrix(rows: rows.rows, columns: 1), on: pool)
      return TextVectors(rows: rows, starts: (0...count).map { $0 * length })
    }
    let queries = texts(sizes.queries, sizes.queryTokens)
    let documents = texts(sizes.documents, sizes.documentTokens)
    let gradients = [queries, documents].map { arena.zeros(rows: $0.rows.rows, columns: sizes.dimension) }
    let product = EncoderConfiguration.miniLM
    try communicator.barrier()
    var rate = layerProductRate(product, rows: 4_096, .float32, on: pool, within: 1)
    let before = ProcessMemory.now().anonymous
    var (forward, backward, most) = (Double.infinity, Double.infinity, before)
    for _ in 0..<repeats {
      try communicator.barrier()
      let start = PartClock.now
      let result = maxSim(queries, documents, reduction: .sum, keepsWinners: true, on: pool)
      let middle = PartClock.now
      maxSimBackward(
        result.scores, queries, documents, reduction: .sum, winners: result.winners!, into: gradients[0], gradients[1],
        on: pool)
      backward = min(backward, Double(PartClock.now - middle) / 1e9)
      forward = min(forward, Double(middle - start) / 1e9)
      most = max(most, ProcessMemory.now().anonymous)
    }
    rate = max(rate, layerProductRate(product, rows: 4_096, .float32, on: pool, within: 1))
    ranks = communicator.rankCount
    threadsPerRank = pool.threadCount
    forwardSeconds = -(try communicator.least(-forward))
    backwardSeconds = -(try communicator.least(-backward))
    forwardRate = sizes.operations / forwardSeconds
    productRate = try communicator.least(rate)
    extraBytes = try communicator.allGather([most - before]).joined().max()!
    withExtendedLifetime(arena) {}
  }
}

extension EncoderConfiguration {
  /// The shape of the quickstart's model, for what is measured against "the products of an encoder".
  static let miniLM = EncoderConfiguration(
    family: .bert, width: 384, layerCount: 6, headCount: 12, intermediateWidth: 1_536, vocabularySize: 30_522,
    maximumPositions: 512, typeCount: 2, epsilon: 1e-12, paddingID: 0, hiddenDropout: 0, attentionDropout: 0)
}
