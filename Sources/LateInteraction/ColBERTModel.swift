package import Tensors

/// How query tokens' maxima become a score.
package enum ScoreReduction: String, Sendable {
  /// Stanford's and PyLate's.
  case sum
  /// BGE-M3's: divided by the number of the query's vectors.
  case mean
}

/// An encoder with a ColBERT head: texts to vectors, and the gradient back.
package final class ColBERTModel: @unchecked Sendable {
  package let parameters: Parameters
  package let encoder: Encoder
  package let head: ColBERTHead
  package let reduction: ScoreReduction
  package let pool: ThreadPool
  private let trainsEncoder: Bool

  /// Gradients are looked up once: call `parameters.allocateGradients` first if this model is to be trained.
  package init(
    encoder: EncoderConfiguration, head: HeadShape, reduction: ScoreReduction, parameters: Parameters,
    on pool: ThreadPool
  ) {
    self.parameters = parameters
    self.encoder = Encoder(encoder, parameters, on: pool)
    self.head = ColBERTHead(head, parameters, on: pool)
    self.reduction = reduction
    self.pool = pool
    trainsEncoder = parameters.layout.trained.contains { $0.part != .head }
  }

  /// The vectors of a batch's texts, `[vectors × dimension]`, valid until the next forward.
  ///
  /// A text's vectors are the same bits whatever else the batch holds.
  package func forward(_ batch: TokenBatch, moment: DropoutMoment? = nil, keepsActivations: Bool = false) -> Matrix {
    let hidden = encoder.forward(batch, moment: moment, keepsActivations: keepsActivations && trainsEncoder)
    return head.forward(hidden, batch)
  }

  /// Adds the gradients of one batch, given ∂loss/∂vectors of the forward that came just before; overwrites `upstream`.
  package func backward(_ batch: TokenBatch, upstream: Matrix) {
    if let hidden = head.backward(upstream, batch, wantsHidden: trainsEncoder) { encoder.backward(hidden) }
  }
}
