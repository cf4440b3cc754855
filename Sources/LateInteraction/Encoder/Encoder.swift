package import Tensors

/// Seed and step of a training pass: what its dropout depends on beside each token's place.
package struct DropoutMoment: Sendable, Equatable {
  package let seed: UInt64
  package let step: Int

  package init(seed: UInt64, step: Int) {
    self.seed = seed
    self.step = step
  }
}

/// A BERT-type encoder: token ids to hidden states, and the gradient back into the parameters.
///
/// One pass at a time: a forward's activations live until the next forward.
package final class Encoder: @unchecked Sendable {
  package let configuration: EncoderConfiguration
  private let words: (value: Matrix, gradient: RowGradients?)
  private let positions: (value: Matrix, gradient: Matrix?)
  private let types: (value: Matrix, gradient: Matrix?)
  private let norm: Norm
  private let layers: [EncoderLayer]
  private let trainsEmbeddings: Bool
  private let pool: ThreadPool
  private let arena = Arena()
  private var pass: Pass?
  /// How many of the lowest layers, with the embeddings below them, are frozen.
  package let frozenLayerCount: Int
  /// What the frozen layers have made of texts already; nil: each training pass computes it. Passes without a moment,
  /// an evaluation's, do not ask.
  package var frozenPrefix: (any FrozenPrefixStates)?
  /// Whether a forward keeps nothing but each trained layer's input, from which `backward` computes the rest again.
  package var recomputesLayers = false
  /// Of the operands of linear layers' products; all else is float32.
  package var precision = ProductPrecision.float32

  package init(_ configuration: EncoderConfiguration, _ parameters: Parameters, on pool: ThreadPool) {
    func table(_ name: String) -> (Matrix, Matrix?) {
      (parameters.value("embeddings.\(name).weight"), parameters.storedGradient("embeddings.\(name).weight"))
    }
    self.configuration = configuration
    self.pool = pool
    words = (parameters.value(EncoderConfiguration.wordTable), parameters.wordGradients)
    positions = table("position_embeddings")
    types = table("token_type_embeddings")
    norm = Norm(parameters, "embeddings.LayerNorm", epsilon: configuration.epsilon)
    trainsEmbeddings = parameters.layout.trainedWords != nil
    layers = (0..<configuration.layerCount).map { EncoderLayer($0, parameters, configuration) }
    frozenLayerCount = trainsEmbeddings ? 0 : layers.firstIndex(where: \.isTrained) ?? layers.count
  }

  /// The last layer's hidden states, `[tokens × width]`, valid until the next forward.
  ///
  /// - Parameters:
  ///   - moment: seed and step in training; nil switches dropout off.
  ///   - keepsActivations: whether a `backward` follows.
  package func forward(_ batch: TokenBatch, moment: DropoutMoment?, keepsActivations: Bool) -> Matrix {
    arena.reset()
    var pass = Pass(batch: batch, moment: moment, products: products(for: batch, forBackward: keepsActivations))
    var hidden: Matrix
    if let frozenPrefix, moment != nil {
      hidden = frozenStates(of: batch, from: frozenPrefix, pass.products)
      pass.firstLayer = frozenLayerCount
    } else {
      hidden = embedded(batch, moment, &pass)
    }
    // Activations of frozen layers are never needed again: they share one set of buffers, as all do without a backward.
    // So do those that are recomputed, but for their outputs, the next layers' inputs.
    var shared: LayerActivations?
    for layer in layers[pass.firstLayer...] {
      let kept = keepsActivations && layer.isTrained
      let shares = !kept || recomputesLayers
      let forBackward = keepsActivations && (kept || recomputesLayers)
      var target =
        (shares ? shared : nil) ?? LayerActivations(batch, configuration, forBackward: forBackward, in: arena)
      if shares { shared = target }
      if kept && recomputesLayers { target.output = arena.matrix(rows: batch.tokenCount, columns: configuration.width) }
      layer.forward(hidden, batch, dropouts(moment, isTrained: layer.isTrained), into: target, pass.products)
      pass.layers.append((hidden, target))
      hidden = target.output
    }
    self.pass = keepsActivations ? pass : nil
    return hidden
  }

  /// The embeddings' output, `[tokens × width]`.
  private func embedded(_ batch: TokenBatch, _ moment: DropoutMoment?, _ pass: inout Pass) -> Matrix {
    let normalised = arena.matrix(rows: batch.tokenCount, columns: configuration.width)
    let deviations = arena.matrix(rows: batch.tokenCount, columns: 1)
    let hidden = arena.matrix(rows: batch.tokenCount, columns: configuration.width)
    embed(
      batch, words: words.value, positions: positions.value, types: types.value,
      rules: configuration.embeddingRules, into: normalised, on: pool)
    norm.forward(normalised, deviations: deviations, into: hidden, on: pool)
    let dropout = dropouts(moment, isTrained: trainsEmbeddings).hidden
    applyDropout(dropout, to: hidden, of: batch, layer: -1, site: .embeddings, on: pool)
    pass.embeddings = (normalised, deviations)
    return hidden
  }

  /// The hidden states at the border of frozen and trained layers, computed for the texts that `prefix` does not know.
  private func frozenStates(
    of batch: TokenBatch, from prefix: any FrozenPrefixStates, _ products: LinearProducts
  ) -> Matrix {
    let hidden = arena.matrix(rows: batch.tokenCount, columns: configuration.width)
    let unknown = prefix.read(batch, into: hidden)
    guard !unknown.isEmpty else { return hidden }
    let part = batch.prefixInput(of: unknown)
    let computed = frozenStates(of: part, products)
    prefix.keep(computed, of: part)
    for (place, text) in unknown.enumerated() {
      copy(
        computed.rows(part.starts[place]..<part.starts[place + 1]),
        to: hidden.rows(batch.starts[text]..<batch.starts[text + 1]))
    }
    return hidden
  }

  /// What the embeddings and the frozen layers make of `batch`, `[tokens × width]`, in memory of this pass.
  private func frozenStates(of batch: TokenBatch, _ products: LinearProducts) -> Matrix {
    var pass = Pass(batch: batch, moment: nil, products: products)
    var hidden = embedded(batch, nil, &pass)
    guard frozenLayerCount > 0 else { return hidden }
    let activations = LayerActivations(batch, configuration, forBackward: false, in: arena)
    for layer in layers[..<frozenLayerCount] {
      layer.forward(hidden, batch, dropouts(nil, isTrained: false), into: activations, products)
      hidden = activations.output
    }
    return hidden
  }

  /// What the embeddings and the frozen layers make of `batch`, row after row.
  package func frozenStateValues(of batch: TokenBatch) -> [Float] {
    arena.reset()
    pass = nil
    return frozenStates(of: batch, products(for: batch, forBackward: false)).values
  }

  private func products(for batch: TokenBatch, forBackward: Bool) -> LinearProducts {
    LinearProducts(
      precision, tokens: batch.tokenCount, configuration, forBackward: forBackward, in: arena, on: pool)
  }

  /// Adds the gradients of the trained parameters, given ∂loss/∂hidden states of the last forward.
  ///
  /// `upstream` `[tokens × width]` is overwritten. Nothing below the lowest trained layer is computed.
  /// - Parameter finished: called for each trained part once this pass has nothing more to add to its gradients.
  package func backward(_ upstream: Matrix, finished: (ParameterPart) -> Void = { _ in }) {
    guard let pass else { preconditionFailure("a backward needs a forward that kept its activations") }
    self.pass = nil
    guard let lowest = layers.first(where: \.isTrained)?.index else { return }
    let scratch = LayerScratch(pass.batch, configuration, in: arena)
    for layer in layers.reversed() where layer.isTrained {
      let (input, activations) = pass.layers[layer.index - pass.firstLayer]
      let dropouts = dropouts(pass.moment, isTrained: true)
      // Shared buffers still hold the last layer's.
      if recomputesLayers && layer.index < layers.count - 1 {
        layer.forward(input, pass.batch, dropouts, into: activations, pass.products)
      }
      layer.backward(
        upstream, input: input, pass.batch, dropouts, activations, scratch: scratch,
        wantsInput: layer.index > lowest || trainsEmbeddings, pass.products)
      finished(.layer(layer.index))
    }
    guard trainsEmbeddings else { return }
    let dropout = dropouts(pass.moment, isTrained: true).hidden
    applyDropout(dropout, to: upstream, of: pass.batch, layer: -1, site: .embeddings, on: pool)
    let (normalised, deviations) = pass.embeddings!
    norm.backward(upstream, normalised: normalised, deviations: deviations, on: pool)
    embedBackward(
      upstream, pass.batch, words: words.gradient, positions: positions.gradient, types: types.gradient,
      rules: configuration.embeddingRules, on: pool)
    finished(.embeddings)
  }

  private func dropouts(_ moment: DropoutMoment?, isTrained: Bool) -> LayerDropouts {
    func dropout(_ rate: Float) -> Dropout {
      Dropout(rate: moment == nil || !isTrained ? 0 : rate, seed: moment?.seed ?? 0, step: moment?.step ?? 0)
    }
    return LayerDropouts(
      hidden: dropout(configuration.hiddenDropout), attention: dropout(configuration.attentionDropout))
  }
}

/// What a forward leaves for its backward.
private struct Pass {
  let batch: TokenBatch
  let moment: DropoutMoment?
  let products: LinearProducts
  /// The embeddings before their norm's scale, and the norm's deviations; nil if they were not computed.
  var embeddings: (normalised: Matrix, deviations: Matrix)?
  /// The lowest layer that was computed; below it hidden states were known.
  var firstLayer = 0
  var layers: [(input: Matrix, activations: LayerActivations)] = []
}
