import Datasets
import LateInteraction
import Tensors

/// What the buffers of one step come to, in bytes, as the encoder, the heads and the trainer take them.
struct StepMemory {
  let model: ModelShape
  let scored: ScoredHeads
  let threadCount: Int
  let rankCount: Int
  let exchange: ExchangeSettings
  /// Whether a rank has the moments of its shard alone.
  let shardsMoments: Bool

  /// What is allocated before the first step: values, gradients, two moments or a shard of them, and where each word's gradient is stored.
  var state: Int {
    let layout = model.layout
    let words = layout.trainedWords.map { $0.shape[0] - $0.count } ?? 0
    let moments = shardsMoments ? (layout.trainedCount + rankCount - 1) / rankCount : layout.trainedCount
    return 4 * (2 * layout.trainedCount + 2 * moments + words)
  }

  private var shape: HeadShape { model.head }
  private var heads: Heads { scored.heads }

  /// The model's files, as float32.
  var files: Int { 4 * model.layout.tensors.reduce(0) { $0 + $1.count } }

  /// The stored rows of the word table's gradient.
  ///
  /// - Parameter counts: how many words some batches have, in order; see `RowGradients.open`.
  func wordGradients(_ counts: [Int]) -> Int {
    guard let words = model.layout.trainedWords else { return 0 }
    let rows = counts.reduce(0) { $1 > $0 ? min(words.shape[0], $1 + $1 / 4) : $0 }
    return 4 * rows * words.shape[1]
  }

  /// Buffers are kept from chunk to chunk: the largest one counts.
  func activations(_ share: SampledShare) -> Int {
    share.chunks.map { chunk in
      let texts = chunk.queries + chunk.documents
      let trains = model.trainsEncoder
      // Input, output and their gradients.
      var headFloats = texts.vectors * (shape.width * (trains ? 2 : 1) + shape.dimension + 1)
      if trains { headFloats += texts.tokens * shape.width }
      if heads == .all { headFloats += texts.texts * (shape.width + 1) + 3 * texts.tokens }
      let attention = threadCount * attentionScratchFloats(mostPairs: texts.mostPairs)
      let encoder = model.encoder.activationFloats(
        tokens: texts.tokens, trainedLayers: model.layout.trainedLayerCount, readsStates: model.readsStates,
        recomputesLayers: model.recomputesLayers, precision: model.precision)
      return 4 * (encoder + headFloats + attention)
    }.max() ?? 0
  }

  func vectors(_ share: SampledShare) -> Int {
    let queries = share.chunks.reduce(TextSizes()) { $0 + $1.queries }
    let documents = share.chunks.reduce(TextSizes()) { $0 + $1.documents }
    let traffic = ExchangeTraffic(share, scored, shape: shape, rankCount: rankCount)
    let scores = queries.texts * share.allDocuments.texts
    let headCount = scored.scoreCount
    // Own ones as encoded, their gradients as summed over the ranks, and as pulled back. What is gathered in one go has
    // the own ones in it.
    var floats = 3 * (queries.vectors + documents.vectors) * shape.dimension
    if heads == .all { floats += 3 * (queries.texts + documents.texts) * shape.width }
    // What is gathered and its gradient; scores as they come and as the loss sees them; the winners, in 16 bits.
    let winners: Int
    switch ExchangePlan(exchange, traffic) {
    case .documents(let blockCount):
      floats += 2 * traffic.documentFloats / blockCount + 2 * headCount * scores
      if blockCount == 1 { floats -= documents.vectors * shape.dimension }
      winners = queries.vectors * share.allDocuments.texts
    case .queries:
      floats += 2 * traffic.queryFloats - queries.vectors * shape.dimension
      floats += headCount * (3 * scores + share.allQueries.texts * documents.texts)
      winners = share.allQueries.vectors * documents.texts
    case .nothing:
      // The loss sees a row of the global batch's width.
      let met = share.documentsMet(exchange.scope)
      floats += headCount * (scores + queries.texts * met.texts)
      winners = queries.vectors * met.texts
    }
    return 4 * (floats + narrowedFloats(share)) + 2 * winners * (1 + scored.narrower.count)
  }

  /// The vectors of the widest of the narrower dimensions, their gradients and their lengths: one dimension is there at a time.
  private func narrowedFloats(_ share: SampledShare) -> Int {
    guard let widest = scored.narrower.max() else { return 0 }
    let queries = share.chunks.reduce(0) { $0 + $1.queries.vectors }
    let documents = share.chunks.reduce(0) { $0 + $1.documents.vectors }
    let met =
      switch ExchangePlan(exchange, ExchangeTraffic(share, scored, shape: shape, rankCount: rankCount)) {
      case .documents(let blockCount): queries + share.allDocuments.vectors / blockCount
      case .queries: share.allQueries.vectors + documents
      case .nothing: queries + share.documentsMet(exchange.scope).vectors
      }
    return met * (2 * widest + 1)
  }

  /// All queries' vectors, this rank's share of them in an array that doubles as it grows, and each query's best documents.
  func evaluation(_ collection: RetrievalCollection, vectorsPerQuery: Int) -> Int {
    let queries = collection.queries.count
    let ranked = min(RetrievalMetrics.rankingLength, collection.documentCount / rankCount)
    let floats = vectorsPerQuery * shape.dimension + (model.hasSparseHead ? shape.width : 0)
    return 4 * (queries + 2 * queries / rankCount) * floats + queries * ranked * MemoryLayout<TopDocuments.Entry>.stride
  }
}
