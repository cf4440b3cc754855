import LateInteraction
import Tensors

/// What memory, time and bytes of a step depend on, of a model whose values need not be in memory.
struct ModelShape {
  let encoder: EncoderConfiguration
  let head: HeadShape
  let layout: ParameterLayout
  let hasSparseHead: Bool
  /// Whether what the frozen layers make of a text comes from a cache.
  var readsStates: Bool
  var recomputesLayers: Bool
  var precision = ProductPrecision.float32

  var trainsEncoder: Bool { layout.trained.contains { $0.part != .head } }
  /// How many of the lowest layers, with the embeddings below them, are frozen.
  var frozenLayerCount: Int { encoder.layerCount - layout.trainedLayerCount }
}

extension ModelShape {
  init(_ model: ColBERTModel) {
    self.init(
      encoder: model.encoder.configuration, head: model.head.shape, layout: model.parameters.layout,
      hasSparseHead: model.sparse != nil, readsStates: model.encoder.frozenPrefix != nil,
      recomputesLayers: model.encoder.recomputesLayers, precision: model.encoder.precision)
  }
}
