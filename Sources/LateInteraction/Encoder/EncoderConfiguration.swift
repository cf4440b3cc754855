package import Tensors

/// The architectures that are computed, all BERT's but for how positions are counted.
package enum EncoderFamily: Sendable, Equatable {
  case bert, xlmRoberta
}

/// What a BERT-type encoder's `config.json` says that its computation needs.
package struct EncoderConfiguration: Sendable, Equatable {
  package var family: EncoderFamily
  package var width: Int
  package var layerCount: Int
  package var headCount: Int
  package var intermediateWidth: Int
  package var vocabularySize: Int
  package var maximumPositions: Int
  package var typeCount: Int
  package var epsilon: Float
  /// The id of `<pad>`.
  package var paddingID: Int32
  package var hiddenDropout: Float
  package var attentionDropout: Float

  package init(
    family: EncoderFamily, width: Int, layerCount: Int, headCount: Int, intermediateWidth: Int, vocabularySize: Int,
    maximumPositions: Int, typeCount: Int, epsilon: Float, paddingID: Int32, hiddenDropout: Float,
    attentionDropout: Float
  ) {
    self.family = family
    self.width = width
    self.layerCount = layerCount
    self.headCount = headCount
    self.intermediateWidth = intermediateWidth
    self.vocabularySize = vocabularySize
    self.maximumPositions = maximumPositions
    self.typeCount = typeCount
    self.epsilon = epsilon
    self.paddingID = paddingID
    self.hiddenDropout = hiddenDropout
    self.attentionDropout = attentionDropout
  }

  package static let wordTable = "embeddings.word_embeddings.weight"

  var embeddingRules: EmbeddingRules {
    EmbeddingRules(positionOffset: family == .bert ? 0 : Int(paddingID) + 1, padding: paddingID)
  }

  /// The longest text in tokens.
  package var longestText: Int { maximumPositions - embeddingRules.positionOffset }

  /// Every tensor from the input up; the pooler is not part of a token encoder.
  var tensors: [(name: String, shape: [Int], part: ParameterPart)] {
    var tensors: [(String, [Int], ParameterPart)] = [
      (Self.wordTable, [vocabularySize, width], .embeddings),
      ("embeddings.position_embeddings.weight", [maximumPositions, width], .embeddings),
      ("embeddings.token_type_embeddings.weight", [typeCount, width], .embeddings),
      ("embeddings.LayerNorm.weight", [width], .embeddings),
      ("embeddings.LayerNorm.bias", [width], .embeddings),
    ]
    for layer in 0..<layerCount {
      for (name, outputs, inputs) in [
        ("attention.self.query", width, width), ("attention.self.key", width, width),
        ("attention.self.value", width, width), ("attention.output.dense", width, width),
        ("intermediate.dense", intermediateWidth, width), ("output.dense", width, intermediateWidth),
      ] {
        tensors.append(("encoder.layer.\(layer).\(name).weight", [outputs, inputs], .layer(layer)))
        tensors.append(("encoder.layer.\(layer).\(name).bias", [outputs], .layer(layer)))
      }
      for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
        tensors.append(("encoder.layer.\(layer).\(name).weight", [width], .layer(layer)))
        tensors.append(("encoder.layer.\(layer).\(name).bias", [width], .layer(layer)))
      }
    }
    return tensors
  }
}

extension EncoderConfiguration {
  /// How many floats one pass with a backward keeps at once.
  ///
  /// - Parameters:
  ///   - trainedLayers: how many of the last layers are trained.
  ///   - readsStates: whether the frozen layers' states come from a cache.
  ///   - recomputesLayers: whether only each trained layer's input is kept; see ``Encoder/recomputesLayers``.
  package func activationFloats(
    tokens: Int, trainedLayers: Int, readsStates: Bool, recomputesLayers: Bool, precision: ProductPrecision = .float32
  ) -> Int {
    // One set of buffers a trained layer, and one that the frozen layers share; or one for all, and each layer's output.
    let sets = recomputesLayers ? 1 : trainedLayers + (trainedLayers < layerCount ? 1 : 0)
    let outputs = recomputesLayers ? trainedLayers * width : 0
    let layer = 8 * width + 2 * intermediateWidth + 2
    let scratch = trainedLayers > 0 ? 5 * width + intermediateWidth : 0
    // A cache's states lie beside what they are computed with.
    let embedded = (readsStates ? 3 : 2) * width + 1
    let statistics = 2 * headCount * (recomputesLayers ? min(1, trainedLayers) : trainedLayers)
    return tokens * (embedded + sets * layer + outputs + statistics + scratch)
      + operandFloats(precision, tokens: tokens, forBackward: trainedLayers > 0)
  }
}
