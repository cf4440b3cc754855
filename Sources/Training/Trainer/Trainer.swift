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
  private let communicator: any Communicator
  private let seed: UInt64
  private let arena = Arena()

  /// `model` must have been made with gradients allocated, and with a sparse head if the objective is unified.
  package init(_ model: ColBERTModel, objective: Objective, seed: UInt64, communicator: any Communicator) {
    self.model = model
    self.objective = objective
    self.seed = seed
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
      scored.scores.matrices, targets: batch.targets, step: step, globalQueryCount: batch.globalQueryCount)
    let (queryGradient, allGradient) = encodedGradients(scored)
    let documentGradient = try communicator.reduceScatterSum(
      allGradient, textCounts: scored.documentCounts, in: arena)
    backward(batch, step, queryGradient, documentGradient)
    if let shards, shards.isSharded {
      try model.parameters.sumShardGradients(shards, communicator)
    } else {
      try model.parameters.sumGradients(communicator)
    }
    return losses
  }

  /// Encodes this rank's share and scores its queries against the documents of all ranks.
  ///
  /// Collective: every rank calls it. What it gives is valid until the next call.
  package func score(_ batch: RankBatch, step: Int) throws -> ScoredBatch {
    arena.reset()
    let (queries, documents) = encode(batch, step)
    let (all, documentCounts) = try communicator.allGather(documents, in: arena)
    return ScoredBatch(
      queries: queries, documents: all, documentCounts: documentCounts,
      scores: LateInteraction.score(queries, all, reduction: model.reduction, in: arena, on: model.pool))
  }

  /// The gradients of own queries and of the documents of all ranks, from ∂loss/∂scores in the scores' place.
  private func encodedGradients(
    _ scored: borrowing ScoredBatch
  ) -> (queries: EncodedTexts, documents: EncodedTexts) {
    let gradients = (scored.queries.zeros(in: arena), scored.documents.zeros(in: arena))
    scoreBackward(
      scored.scores, scored.queries, scored.documents, reduction: model.reduction, into: gradients.0, gradients.1,
      on: model.pool)
    return gradients
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

  /// Pulls the gradients back chunk by chunk.
  private func backward(_ batch: RankBatch, _ step: Int, _ queries: EncodedTexts, _ documents: EncodedTexts) {
    var (query, document) = (0, 0)
    for chunk in batch.chunks {
      if batch.chunks.count > 1 { _ = forward(chunk, step, keepsActivations: true) }
      let documentCount = chunk.tokens.textCount - chunk.queryCount
      let upstream = concatenated(
        queries.texts(query..<query + chunk.queryCount), documents.texts(document..<document + documentCount),
        in: arena)
      model.backward(chunk.tokens, upstream: upstream)
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

/// A rank's queries against the documents of all ranks, at one step.
package struct ScoredBatch: ~Copyable {
  /// This rank's queries.
  package let queries: EncodedTexts
  /// The documents of all ranks, in the order of the global batch.
  package let documents: EncodedTexts
  /// How many documents each rank brought.
  let documentCounts: [Int]
  /// `[own queries × all documents]`.
  package let scores: HeadScores
}
