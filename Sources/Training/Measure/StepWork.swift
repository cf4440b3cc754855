import LateInteraction

/// The least that a rank has to do for its share of a step: floating-point operations (a multiply-add is two) and bytes
/// through memory, on real tokens: there is no padding. Query expansion's `[MASK]`s are tokens, since they give vectors.
struct StepWork: Equatable {
  /// Of linear layers and heads: forward, and both gradients where something is trained.
  var products = 0.0
  /// Both products of attention, and the four of its backward.
  var attention = 0.0
  /// Similarities of all own query tokens with all document tokens; of the backward, what goes through the winners.
  var maxSim = 0.0
  /// What the second pass of GradCache and `batch.recompute` compute again, of `products` and `attention`; it is not in
  /// them.
  var repeatedProducts = 0.0
  var repeatedAttention = 0.0
  /// What fused kernels read and write between the products.
  var elementWiseBytes = 0.0
  /// Parameters, gradients and moments through AdamW, the norm, and the clearing of gradients.
  var optimizerBytes = 0.0

  /// The numerator of a share of the processor's peak.
  var operations: Double { products + attention + maxSim }

  init() {}

  /// - Parameter updated: how many parameters the rank updates: all trained ones, or its shard.
  /// - Parameter scope: which documents a query is scored against.
  /// - Parameter narrower: the dimensions of which they are scored too.
  init(
    _ model: ModelShape, _ share: SampledShare, updated: Int, scope: Configuration.Scope = .global, narrower: [Int] = []
  ) {
    let sizes = share.chunks.map { $0.queries + $0.documents }
    let layers = LayerWork(model)
    for texts in sizes {
      let computed = layers.computedLayers
      products += layers.products(texts, layers: computed) + layers.heads(texts) + layers.backwardProducts(texts)
      attention += layers.attention(texts, layers: computed) + layers.backwardAttention(texts)
      elementWiseBytes += layers.bytes(texts, layers: computed) + layers.embeddingBytes(texts)
      elementWiseBytes += layers.backwardBytes(texts)
      let again = (sizes.count > 1 ? layers.computedLayers : 0) + layers.recomputedLayers
      repeatedProducts += layers.products(texts, layers: again) + (sizes.count > 1 ? layers.heads(texts) : 0)
      repeatedAttention += layers.attention(texts, layers: again)
      elementWiseBytes += layers.bytes(texts, layers: again)
    }
    let queryVectors = Double(share.chunks.reduce(0) { $0 + $1.queries.vectors })
    let dimension = Double(narrower.reduce(model.head.dimension, +))
    let documents = share.documentsMet(scope)
    maxSim = dimension * queryVectors * (2 * Double(documents.vectors) + 4 * Double(documents.texts))
    // Read: value, gradient (the norm reads it too), two moments; written: value and moments; and zeros to gradients.
    optimizerBytes = 4 * (7 * Double(updated) + 2 * Double(model.layout.trainedCount))
  }
}

extension StepWork {
  static var parts: [WritableKeyPath<StepWork, Double>] {
    [
      \.products, \.attention, \.maxSim, \.repeatedProducts, \.repeatedAttention, \.elementWiseBytes, \.optimizerBytes,
    ]
  }

  static func + (a: StepWork, b: StepWork) -> StepWork {
    var sum = a
    for part in parts { sum[keyPath: part] += b[keyPath: part] }
    return sum
  }
}

/// What some texts cost in the encoder's layers and the heads.
private struct LayerWork {
  private let model: ModelShape
  private let width: Double
  private let inner: Double
  let computedLayers: Double
  private let trainedLayers: Double
  /// The top layer's activations are still there when its backward starts.
  let recomputedLayers: Double
  private let trainsEmbeddings: Bool

  init(_ model: ModelShape) {
    self.model = model
    width = Double(model.encoder.width)
    inner = Double(model.encoder.intermediateWidth)
    trainedLayers = Double(model.layout.trainedLayerCount)
    computedLayers = model.readsStates ? trainedLayers : Double(model.encoder.layerCount)
    recomputedLayers = model.recomputesLayers ? max(0, trainedLayers - 1) : 0
    trainsEmbeddings = model.layout.trainedWords != nil
  }

  /// A layer's four [width × width] and two [width × inner].
  private var layerProducts: Double { 2 * (4 * width * width + 2 * width * inner) }

  func heads(_ texts: TextSizes) -> Double { 2 * Double(texts.vectors * model.head.dimension) * width }

  func products(_ texts: TextSizes, layers: Double) -> Double { layers * Double(texts.tokens) * layerProducts }

  func attention(_ texts: TextSizes, layers: Double) -> Double { layers * 4 * Double(texts.pairs) * width }

  func backwardProducts(_ texts: TextSizes) -> Double {
    guard model.trainsEncoder else { return heads(texts) }
    // Below the lowest trained layer nobody asks for the gradient of its input: queries, keys and values spare theirs.
    let spared = trainsEmbeddings ? 0 : 2 * 3 * width * width
    return 2 * heads(texts) + Double(texts.tokens) * (trainedLayers * 2 * layerProducts - spared)
  }

  func backwardAttention(_ texts: TextSizes) -> Double { trainedLayers * 8 * Double(texts.pairs) * width }

  /// Two norms with their residuals read two rows and write two (normalised, and scaled); GELU reads one and writes one.
  func bytes(_ texts: TextSizes, layers: Double) -> Double {
    4 * Double(texts.tokens) * (layers * (8 * width + 2 * inner))
  }

  func embeddingBytes(_ texts: TextSizes) -> Double { 12 * Double(texts.tokens) * width }

  /// Two norms read upstream and normalised, write it and what goes through dropout; GELU reads two and writes one.
  func backwardBytes(_ texts: TextSizes) -> Double {
    4 * Double(texts.tokens) * (trainedLayers * (8 * width + 3 * inner) + (trainsEmbeddings ? 3 * width : 0))
  }
}
