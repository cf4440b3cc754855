package import Communication
package import LateInteraction
import Tensors

/// Computes the gradient of a global batch, however it is cut over ranks and chunks.
///
/// In-batch negatives span the whole global batch, every rank's documents from every chunk, unless the exchange settings
/// have another scope. With one chunk there is one
/// pass; with more, two, as in Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup",
/// 2021 (GradCache): what the heads give for all chunks first, then chunk by chunk again with activations.
package final class Trainer {
  package let model: ColBERTModel
  let objective: Objective
  private let exchange: ExchangeSettings
  private let communicator: any Communicator
  private let seed: UInt64
  private let overlap: Bool
  private let arena = Arena()
  private let gathered = Arena()
  private let narrowed = Arena()

  /// `model` must have been made with gradients allocated, and with a sparse head if the objective is unified.
  ///
  /// - Parameter overlap: whether ranks exchange vectors while they encode, and sum gradients while they pull back. It
  ///   changes no bit.
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

  /// Encodes this rank's share and scores its queries against the documents in their scope: of all ranks, or fewer.
  ///
  /// Collective: every rank calls it. What it gives is valid until the next call.
  func score(_ batch: RankBatch, step: Int) throws -> ScoredBatch {
    arena.reset()
    gathered.reset()
    return exchange.scope == .global ? try scoreAll(batch, step) : scoreOwn(batch, step)
  }

  private func scoreAll(_ batch: RankBatch, _ step: Int) throws -> ScoredBatch {
    let brought = try BroughtTexts(batch, communicator)
    let plan = ExchangePlan(exchange, ExchangeTraffic(brought, ScoredHeads(objective), shape: model.head.shape))
    let gather = plan.gatheredRowCounts(brought).map {
      VectorGather(
        rowCounts: $0, columns: model.head.shape.dimension, overlap: overlap, in: gathered, communicator)
    }
    let (queries, documents) = encode(batch, step, gather, ofQueries: plan == .queries)
    let meeting: any Exchange =
      switch plan {
      case .documents(let blockCount):
        try DocumentExchange(queries, documents, brought, blockCount: blockCount, gather: gather, exchangeContext)
      case .queries: try QueryExchange(queries, documents, brought, gather: gather!, exchangeContext)
      case .nothing: preconditionFailure("a global batch meets on no rank")
      }
    return ScoredBatch(queries: queries, documents: documents, exchange: meeting)
  }

  /// Against documents of this rank alone: no collective.
  private func scoreOwn(_ batch: RankBatch, _ step: Int) -> ScoredBatch {
    let (queries, documents) = encode(batch, step, nil, ofQueries: false)
    let meeting = LocalExchange(
      queries, documents, of: batch, meetings: batch.localMeetings(exchange.scope), exchangeContext)
    return ScoredBatch(queries: queries, documents: documents, exchange: meeting)
  }

  private var exchangeContext: ExchangeContext {
    ExchangeContext(
      communicator: communicator, heads: objective.heads,
      narrow: NarrowScoring(objective.narrowerDimensions, in: narrowed), reduction: model.reduction, pool: model.pool,
      arena: arena,
      gathered: gathered)
  }

  /// What the heads make of every chunk's queries and documents, in order; `gather` gives the ones' or the others'
  /// vectors to all ranks.
  private func encode(
    _ batch: RankBatch, _ step: Int, _ gather: VectorGather?, ofQueries: Bool
  ) -> (queries: EncodedTexts, documents: EncodedTexts) {
    var queries = room(lengths: batch.chunks.flatMap(\.queryLengths), ofQueries ? gather?.own : nil)
    var documents = room(lengths: batch.chunks.flatMap(\.documentLengths), ofQueries ? nil : gather?.own)
    defer { model.pool.betweenBlocks = nil }
    for chunk in batch.chunks {
      let texts = forward(chunk, step, keepsActivations: batch.chunks.count == 1)
      queries.append(texts.texts(0..<chunk.queryCount))
      documents.append(texts.texts(chunk.queryCount..<texts.count))
      if let gather {
        gather.begin()
        model.pool.betweenBlocks = { gather.advance() }
      }
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

  private func room(lengths: [Int], _ vectors: Matrix?) -> EncodedTextsBuilder {
    EncodedTextsBuilder(
      lengths: lengths, heads: objective.heads, shape: model.head.shape, vectors: vectors, in: arena)
  }
}

/// A rank's share of a batch, encoded, and its queries' scores against the documents of all ranks.
struct ScoredBatch {
  let queries: EncodedTexts
  let documents: EncodedTexts
  let exchange: any Exchange
}
