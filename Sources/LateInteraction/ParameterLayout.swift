/// Which tensors a run changes.
package enum TrainedPart: Sendable, Equatable {
  case head
  case all
  /// The head and the encoder's last layers.
  case top(Int)
}

/// Where a tensor belongs, from the input up.
package enum ParameterPart: Sendable, Equatable {
  case embeddings
  case layer(Int)
  case head
}

/// The heads that an objective depends on: of the others the gradient is zero, and they never change, decay included.
package struct ReachedHeads: Sendable, Equatable {
  package var colbert: Bool
  package var sparse: Bool

  package init(colbert: Bool = true, sparse: Bool = false) {
    self.colbert = colbert
    self.sparse = sparse
  }
}

/// Names every tensor of a model, its shape, and its range in the flat buffers if it is trained.
///
/// Trained tensors have values and two moments as three flat buffers; shards, checkpoints and AdamW are ranges of them.
/// Gradients are a fourth, but for the word table's, of which only touched rows are stored.
package struct ParameterLayout: Sendable, Equatable {
  package struct Tensor: Sendable, Equatable {
    /// The Hugging Face name without prefix, for example `encoder.layer.0.attention.self.query.weight`.
    package let name: String
    package let shape: [Int]
    package let part: ParameterPart
    /// In the flat buffers; nil when the tensor is frozen.
    package let range: Range<Int>?
    /// Whether the objective depends on the tensor: one that it does not reach never changes, decay included.
    package let isReached: Bool

    package var count: Int { shape.reduce(1, *) }
    package var isTrained: Bool { range != nil }
    /// Biases and the norms' vectors are spared from weight decay by `decay: matrices`.
    package var isMatrix: Bool { shape.count > 1 }
  }

  package let tensors: [Tensor]
  /// The length of each flat buffer.
  package let trainedCount: Int
  private let places: [String: Int]

  package init(
    encoder: EncoderConfiguration, head: HeadShape, hasSparseHead: Bool = false,
    reached: ReachedHeads = ReachedHeads(), training trained: TrainedPart
  ) {
    var tensors: [Tensor] = []
    var end = 0
    func append(_ described: [(name: String, shape: [Int], part: ParameterPart)], isReached: Bool) {
      for (name, shape, part) in described {
        let isTrained = trained.includes(part, layerCount: encoder.layerCount)
        let count = shape.reduce(1, *)
        tensors.append(
          Tensor(
            name: name, shape: shape, part: part, range: isTrained ? end..<end + count : nil, isReached: isReached))
        if isTrained { end += count }
      }
    }
    append(encoder.tensors, isReached: true)
    append(head.tensors, isReached: reached.colbert)
    if hasSparseHead {
      let sparse = HeadShape(name: SparseHead.name, width: encoder.width, dimension: 1, hasBias: true)
      append(sparse.tensors, isReached: reached.sparse)
    }
    self.tensors = tensors
    trainedCount = end
    places = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  package var trained: [Tensor] { tensors.filter(\.isTrained) }

  /// The word table, if it is trained: the first tensor of the flat buffers.
  package var trainedWords: Tensor? { self[EncoderConfiguration.wordTable].flatMap { $0.isTrained ? $0 : nil } }

  /// How many of the encoder's last layers are trained.
  package var trainedLayerCount: Int {
    Set(trained.compactMap { if case .layer(let layer) = $0.part { layer } else { nil } }).count
  }

  package subscript(name: String) -> Tensor? { places[name].map { tensors[$0] } }
}

extension TrainedPart {
  func includes(_ part: ParameterPart, layerCount: Int) -> Bool {
    switch (self, part) {
    case (.all, _), (_, .head): true
    case (.top(let count), .layer(let layer)): layer >= layerCount - count
    case (.head, _), (.top, .embeddings): false
    }
  }
}
