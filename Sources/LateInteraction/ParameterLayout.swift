package import Tensors

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

/// Names every tensor of a model, its shape, and its range in the flat buffers if it is trained.
///
/// Trained tensors have values, gradients and two moments as four flat buffers; all-reduce, shards, checkpoints and
/// AdamW are ranges of them.
package struct ParameterLayout: Sendable, Equatable {
  package struct Tensor: Sendable, Equatable {
    /// The Hugging Face name without prefix, for example `encoder.layer.0.attention.self.query.weight`.
    package let name: String
    package let shape: [Int]
    package let part: ParameterPart
    /// In the flat buffers; nil when the tensor is frozen.
    package let range: Range<Int>?

    package var count: Int { shape.reduce(1, *) }
    package var isTrained: Bool { range != nil }
    /// Biases and the norms' vectors are spared from weight decay by `decay: matrices`.
    package var isMatrix: Bool { shape.count > 1 }
  }

  package let tensors: [Tensor]
  /// The length of each flat buffer.
  package let trainedCount: Int
  private let places: [String: Int]

  package init(encoder: EncoderConfiguration, head: HeadShape, training trained: TrainedPart) {
    var tensors: [Tensor] = []
    var end = 0
    for (name, shape, part) in encoder.tensors + head.tensors {
      let isTrained = trained.includes(part, layerCount: encoder.layerCount)
      let count = shape.reduce(1, *)
      tensors.append(Tensor(name: name, shape: shape, part: part, range: isTrained ? end..<end + count : nil))
      if isTrained { end += count }
    }
    self.tensors = tensors
    trainedCount = end
    places = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  package var trained: [Tensor] { tensors.filter(\.isTrained) }

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

/// A model's tensors in memory: trained ones in flat buffers, frozen ones where their file is mapped.
package final class Parameters: @unchecked Sendable {
  package let layout: ParameterLayout
  package var values: Storage
  /// Empty until a training run asks for it with `allocateGradients`.
  package var gradients = Storage(zeros: 0)
  private let frozen: [String: Matrix]
  /// Keeps the mapped files of frozen tensors alive.
  private let owner: AnyObject?

  /// - Parameters:
  ///   - frozen: views of the tensors that `layout` does not train, as `[rows × columns]`.
  ///   - owner: what keeps those views alive.
  package init(layout: ParameterLayout, frozen: [String: Matrix], owner: AnyObject?) {
    self.layout = layout
    self.frozen = frozen
    self.owner = owner
    values = Storage(zeros: layout.trainedCount)
    for tensor in layout.tensors where !tensor.isTrained {
      precondition(
        frozen[tensor.name]?.count == tensor.count, "the frozen tensor \(tensor.name) has no view of \(tensor.count)")
    }
  }

  package func allocateGradients() {
    if gradients.count != layout.trainedCount { gradients = Storage(zeros: layout.trainedCount) }
  }

  /// All gradients as one row.
  package var allGradients: Matrix { gradients.matrix(rows: 1, columns: gradients.count) }

  /// All trained values as one row.
  package var allValues: Matrix { values.matrix(rows: 1, columns: values.count) }

  /// The tensor's values; a vector is one row.
  package func value(_ name: String) -> Matrix {
    let tensor = tensor(name)
    guard let range = tensor.range else { return frozen[name]!.reshaped(rows: tensor.rows, columns: tensor.columns) }
    return values.matrix(at: range.lowerBound, rows: tensor.rows, columns: tensor.columns)
  }

  /// The tensor's gradient, or nil when it is frozen.
  package func gradient(_ name: String) -> Matrix? {
    let tensor = tensor(name)
    return tensor.range.map {
      gradients.matrix(at: $0.lowerBound, rows: tensor.rows, columns: tensor.columns)
    }
  }

  /// The same, or nil while no run has asked for gradients: evaluation needs none.
  func gradientIfAllocated(_ name: String) -> Matrix? { gradients.count == 0 ? nil : gradient(name) }

  private func tensor(_ name: String) -> ParameterLayout.Tensor {
    guard let tensor = layout[name] else { preconditionFailure("the layout has no tensor \(name)") }
    return tensor
  }
}

extension ParameterLayout.Tensor {
  fileprivate var rows: Int { shape.count > 1 ? shape[0] : 1 }
  fileprivate var columns: Int { shape.count > 1 ? shape[1] : shape[0] }
}
