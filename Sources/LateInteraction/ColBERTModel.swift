package import Tensors

/// How query tokens' maxima become a score.
package enum ScoreReduction: String, Sendable {
  /// Stanford's and PyLate's.
  case sum
  /// BGE-M3's: divided by the number of the query's vectors.
  case mean
}

/// An encoder with a ColBERT head, and BGE-M3's other two if it has them: texts to vectors, and the gradient back.
package final class ColBERTModel: @unchecked Sendable {
  package let parameters: Parameters
  package let encoder: Encoder
  package let head: ColBERTHead
  /// BGE-M3's; nil if the layout has no sparse head.
  package let sparse: SparseHead?
  private let dense: DenseHead
  package let reduction: ScoreReduction
  package let pool: ThreadPool
  private let trainsEncoder: Bool

  /// Gradients are looked up once: call `parameters.allocateGradients` first if this model is to be trained.
  ///
  /// - Parameter unweighted: ids that weigh nothing in sparse vectors: those of `<s>`, `</s>`, `<pad>` and `<unk>`.
  package init(
    encoder: EncoderConfiguration, head: HeadShape, reduction: ScoreReduction, unweighted: Set<Int32>,
    parameters: Parameters, on pool: ThreadPool
  ) {
    self.parameters = parameters
    self.encoder = Encoder(encoder, parameters, on: pool)
    self.head = ColBERTHead(head, parameters, on: pool)
    dense = DenseHead(on: pool)
    sparse =
      parameters.layout["\(SparseHead.name).weight"] == nil
      ? nil : SparseHead(parameters, unweighted: unweighted, on: pool)
    self.reduction = reduction
    self.pool = pool
    trainsEncoder = parameters.layout.trained.contains { $0.part != .head }
  }

  /// What the heads make of a batch's texts, valid until the next forward.
  ///
  /// A text's numbers are the same bits whatever else the batch holds. `.all` heads need a sparse one.
  package func forward(
    _ batch: TokenBatch, heads: Heads = .colbert, moment: DropoutMoment? = nil, keepsActivations: Bool = false
  ) -> EncodedTexts {
    pool.clock.measure(.elementWise, "encode") {
      encode(batch, heads, moment, keepsActivations: keepsActivations)
    }
  }

  private func encode(
    _ batch: TokenBatch, _ heads: Heads, _ moment: DropoutMoment?, keepsActivations: Bool
  ) -> EncodedTexts {
    let hidden = encoder.forward(batch, moment: moment, keepsActivations: keepsActivations && trainsEncoder)
    let vectors = TextVectors(rows: head.forward(hidden, batch), starts: batch.vectorStarts)
    guard heads == .all else { return EncodedTexts(vectors: vectors) }
    guard let sparse else { preconditionFailure("all heads of a model without a sparse one") }
    return EncodedTexts(
      vectors: vectors, dense: dense.forward(hidden, batch), sparse: sparse.forward(hidden, batch))
  }

  /// Adds the gradients of one batch, given the gradient of what the forward just before gave; overwrites `upstream`.
  ///
  /// - Parameter finished: called for each trained part, the heads first, once this pass has nothing more to add to its
  ///   gradients.
  package func backward(
    _ batch: TokenBatch, upstream: EncodedTexts, finished: (ParameterPart) -> Void = { _ in }
  ) {
    pool.clock.measure(.elementWise, "encoder backward") { pullBack(batch, upstream, finished) }
  }

  private func pullBack(_ batch: TokenBatch, _ upstream: EncodedTexts, _ finished: (ParameterPart) -> Void) {
    let hidden = head.backward(upstream.vectors.rows, batch, wantsHidden: trainsEncoder)
    if let weights = upstream.sparse?.weights.rows { sparse?.backward(weights, into: hidden) }
    finished(.head)
    guard let hidden else { return }
    if let vectors = upstream.dense { dense.backward(vectors, batch, into: hidden) }
    encoder.backward(hidden, finished: finished)
  }
}
