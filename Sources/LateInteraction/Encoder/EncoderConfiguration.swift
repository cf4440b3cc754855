/// What a BERT-type encoder's `config.json` says that its computation needs.
package struct EncoderConfiguration: Sendable, Equatable {
  package var width: Int
  package var layerCount: Int
  package var headCount: Int
  package var intermediateWidth: Int
  package var vocabularySize: Int
  package var maximumPositions: Int
  package var typeCount: Int
  package var epsilon: Float
  /// The row of the position table that a text's first token reads: 0 in BERT, `<pad>`'s id + 1 in XLM-R.
  package var positionOffset: Int
  package var hiddenDropout: Float
  package var attentionDropout: Float

  package init(
    width: Int, layerCount: Int, headCount: Int, intermediateWidth: Int, vocabularySize: Int, maximumPositions: Int,
    typeCount: Int, epsilon: Float, positionOffset: Int, hiddenDropout: Float, attentionDropout: Float
  ) {
    self.width = width
    self.layerCount = layerCount
    self.headCount = headCount
    self.intermediateWidth = intermediateWidth
    self.vocabularySize = vocabularySize
    self.maximumPositions = maximumPositions
    self.typeCount = typeCount
    self.epsilon = epsilon
    self.positionOffset = positionOffset
    self.hiddenDropout = hiddenDropout
    self.attentionDropout = attentionDropout
  }

  /// The longest text in tokens.
  package var longestText: Int { maximumPositions - positionOffset }

  /// Every tensor from the input up; the pooler is not part of a token encoder.
  var tensors: [(name: String, shape: [Int], part: ParameterPart)] {
    var tensors: [(String, [Int], ParameterPart)] = [
      ("embeddings.word_embeddings.weight", [vocabularySize, width], .embeddings),
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
