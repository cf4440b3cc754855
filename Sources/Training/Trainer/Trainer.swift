package import Communication
package import LateInteraction
import Tensors

/// Computes the gradient of a global batch, however it is cut over ranks and chunks.
///
/// In-batch negatives span the whole global batch: every rank's documents, from every chunk. With one chunk there is one
/// pass; with more, two, as in Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup",
/// 2021 (GradCache): what the heads give for all chunks first, then chunk by chunk again with activations.
package final class Trainer {
  package let model: ColBERTModel
  private let objective: Objective
  private let exchange: ExchangeSettings
  private let communicator: any Communicator
  private let seed: UInt64
  private let overlap: Bool
  private let arena = Arena()
  private let gathered = Arena()

  /// `model` must have been made with gradients allocated, and with a sparse head if the objective is unified.
  ///
  /// - Parameter overlap: whether gradients are summed over ranks while the backward still runs. It changes no bit.
  package init(
    _ model: ColBERTModel, objective: Objective, exchange: ExchangeSettings = ExchangeSettings(), seed: UInt64,
    overlap: Bool = true, communicator: any Communicator
  ) {
    self.model = model
    self.objective = objective
    self.exchange = exchange
    self.seed = seed
    self.overlap = overlap
    self.communicator = communicator
  }

  /// Leaves the gradient of the global batch's loss in `model.parameters`, the same on every rank.
  ///
  /// Collective: every rank calls it, with its share of the same global batch.
  /// - Parameter shards: if sharded, each rank is left with the gradient of its own shard alone.
  /// - Returns: what each of this rank's queries adds to the loss; the sum over all ranks is the loss.
  package func gradients(of batch: RankBatch, step: Int, shards: ParameterShards? = nil) throws -> [QueryLoss] {
    try model.pool.clock.measure(.optimizer, "open gradients") {
      try model.parameters.openGradients(for: batch, communicator)
    }
    let scored = try score(batch, step: step)
    let losses = objective.losses(
      scored.exchange.scores, targets: batch.targets, step: step, globalQueryCount: batch.globalQueryCount)
    let (queryGradient, documentGradient) = try scored.exchange.gradients()
    if let shards, shards.isSharded {
      backward(batch, step, queryGradient, documentGradient)
      try model.parameters.sumShardGradients(shards, communicator)
    } else {
      let sums = GradientSums(model.parameters, communicator)
      backward(batch, step, queryGradient, documentGradient, sums: overlap ? sums : nil)
      try sums.finish()
    }
    return losses
  }

  /// Encodes this rank's share and scores its queries against the documents of all ranks.
  ///
  /// Collective: every rank calls it. What it gives is valid until the next call.
  func score(_ batch: RankBatch, step: Int) throws -> ScoredBatch {
    arena.reset()
    let (queries, documents) = encode(batch, step)
    let brought = try BroughtTexts(queries, documents, of: batch, communicator)
    let context = ExchangeContext(
      communicator: communicator, heads: objective.heads, reduction: model.reduction, pool: model.pool, arena: arena,
      gathered: gathered)
    let traffic = ExchangeTraffic(brought, heads: objective.heads, shape: model.head.shape)
    let meeting: any Exchange =
      switch ExchangePlan(exchange, traffic) {
      case .documents(let blockCount):
        try DocumentExchange(queries, documents, brought, blockCount: blockCount, context)
      case .queries: try QueryExchange(queries, documents, brought, context)
      }
    return ScoredBatch(queries: queries, documents: documents, exchange: meeting)
  }

  /// What the heads make of every chunk's queries and documents, in order.
  private func encode(_ batch: RankBatch, _ step: Int) -> (queries: EncodedTexts, documents: EncodedTexts) {
    var queries = room(lengths: batch.chunks.flatMap(\.queryLengths))
    var documents = room(lengths: batch.chunks.flatMap(\.documentLengths))
    for chunk in batch.chunks {
      let texts = forward(chunk, step, keepsActivations: batch.chunks.count == 1)
      queries.append(texts.texts(0..<chunk.queryCount))
      documents.append(texts.texts(chunk.queryCount..<texts.count))
    }
    return (queries.texts, documents.texts)
  }

  /// Pulls the gradients back chunk by chunk; with the last chunk they become final, part by part.
  private func backward(
    _ batch: RankBatch, _ step: Int, _ queries: EncodedTexts, _ documents: EncodedTexts, sums: GradientSums? = nil
  ) {
    var (query, document) = (0, 0)
    defer { model.pool.betweenBlocks = nil }
    for (index, chunk) in batch.chunks.enumerated() {
      if batch.chunks.count > 1 { _ = forward(chunk, step, keepsActivations: true) }
      let documentCount = chunk.tokens.textCount - chunk.queryCount
      let upstream = concatenated(
        queries.texts(query..<query + chunk.queryCount), documents.texts(document..<document + documentCount),
        in: arena)
      let final = index == batch.chunks.count - 1 ? sums : nil
      if let final { model.pool.betweenBlocks = { final.advance() } }
      model.backward(chunk.tokens, upstream: upstream) { final?.begin($0) }
      query += chunk.queryCount
      document += documentCount
    }
  }

  private func forward(_ chunk: Chunk, _ step: Int, keepsActivations: Bool) -> EncodedTexts {
    model.forward(
      chunk.tokens, heads: objective.heads, moment: DropoutMoment(seed: seed, step: step),
      keepsActivations: keepsActivations)
  }

  private func room(lengths: [Int]) -> EncodedTextsBuilder {
    EncodedTextsBuilder(lengths: lengths, heads: objective.heads, shape: model.head.shape, in: arena)
  }
}

/// A rank's share of a batch, encoded, and its queries' scores against the documents of all ranks.
struct ScoredBatch {
  let queries: EncodedTexts
  let documents: EncodedTexts
  let exchange: any Exchange
}
