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
  /// What the second pass of GradCache computes again, of `products` and `attention`; it is not in them.
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
  init(_ model: ModelShape, _ share: SampledShare, updated: Int) {
    let sizes = share.chunks.map { $0.queries + $0.documents }
    let layers = LayerWork(model)
    for texts in sizes {
      let forward = layers.forward(texts)
      products += forward.products + layers.backwardProducts(texts)
      attention += forward.attention + layers.backwardAttention(texts)
      elementWiseBytes += layers.forwardBytes(texts) + layers.backwardBytes(texts)
      guard sizes.count > 1 else { continue }
      repeatedProducts += forward.products
      repeatedAttention += forward.attention
      elementWiseBytes += layers.forwardBytes(texts)
    }
    let queryVectors = Double(share.chunks.reduce(0) { $0 + $1.queries.vectors })
    let dimension = Double(model.head.dimension)
    maxSim = dimension * queryVectors * (2 * Double(share.allDocuments.vectors) + 4 * Double(share.allDocuments.texts))
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
  private let computedLayers: Double
  private let trainedLayers: Double
  private let trainsEmbeddings: Bool

  init(_ model: ModelShape) {
    self.model = model
    width = Double(model.encoder.width)
    inner = Double(model.encoder.intermediateWidth)
    trainedLayers = Double(model.layout.trainedLayerCount)
    computedLayers = model.readsStates ? trainedLayers : Double(model.encoder.layerCount)
    trainsEmbeddings = model.layout.trainedWords != nil
  }

  /// A layer's four [width × width] and two [width × inner].
  private var layerProducts: Double { 2 * (4 * width * width + 2 * width * inner) }

  private func heads(_ texts: TextSizes) -> Double { 2 * Double(texts.vectors * model.head.dimension) * width }

  func forward(_ texts: TextSizes) -> (products: Double, attention: Double) {
    (
      computedLayers * Double(texts.tokens) * layerProducts + heads(texts),
      computedLayers * 4 * Double(texts.pairs) * width
    )
  }

  func backwardProducts(_ texts: TextSizes) -> Double {
    guard model.trainsEncoder else { return heads(texts) }
    // Below the lowest trained layer nobody asks for the gradient of its input: queries, keys and values spare theirs.
    let spared = trainsEmbeddings ? 0 : 2 * 3 * width * width
    return 2 * heads(texts) + Double(texts.tokens) * (trainedLayers * 2 * layerProducts - spared)
  }

  func backwardAttention(_ texts: TextSizes) -> Double { trainedLayers * 8 * Double(texts.pairs) * width }

  /// Two norms with their residuals read two rows and write two (normalised, and scaled); GELU reads one and writes one.
  func forwardBytes(_ texts: TextSizes) -> Double {
    4 * Double(texts.tokens) * (computedLayers * (8 * width + 2 * inner) + 3 * width)
  }

  /// Two norms read upstream and normalised, write it and what goes through dropout; GELU reads two and writes one.
  func backwardBytes(_ texts: TextSizes) -> Double {
    4 * Double(texts.tokens) * (trainedLayers * (8 * width + 3 * inner) + (trainsEmbeddings ? 3 * width : 0))
  }
}
