package import Tensors

/// A model's tensors in memory: trained ones in flat buffers, frozen ones where their file is mapped.
package final class Parameters: @unchecked Sendable {
  package let layout: ParameterLayout
  package var values: Storage
  /// Of all trained tensors but the word table. Empty until a training run asks for it with `allocateGradients`.
  package private(set) var gradients = Storage(zeros: 0)
  /// Of the word table, if it is trained: the rows of the global batch's ids, once they are opened.
  package private(set) var wordGradients: RowGradients?
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
    precondition(layout.trainedWords?.range!.lowerBound ?? 0 == 0, "the word table is not the first tensor")
  }

  package func allocateGradients() {
    let count = layout.trainedCount - wordCount
    if gradients.count != count { gradients = Storage(zeros: count) }
    if wordGradients == nil, let words = layout.trainedWords {
      wordGradients = RowGradients(rowCount: words.rows, columns: words.columns)
    }
  }

  /// The gradients of all trained tensors but the word table as one row.
  package var allGradients: Matrix { gradients.matrix(rows: 1, columns: gradients.count) }

  /// All trained values as one row.
  package var allValues: Matrix { values.matrix(rows: 1, columns: values.count) }

  /// The tensor's values; a vector is one row.
  package func value(_ name: String) -> Matrix {
    let tensor = tensor(name)
    guard let range = tensor.range else { return frozen[name]!.reshaped(rows: tensor.rows, columns: tensor.columns) }
    return values.matrix(at: range.lowerBound, rows: tensor.rows, columns: tensor.columns)
  }

  /// The gradients of a stretch of the flat buffers that holds no part of the word table, as one row.
  package func gradients(_ range: Range<Int>) -> Matrix {
    gradients.matrix(at: range.lowerBound - wordCount, rows: 1, columns: range.count)
  }

  /// The tensor's whole gradient, or nil when it is frozen; the word table's is spread out in `arena`.
  package func gradient(_ name: String, in arena: Arena) -> Matrix? {
    guard name == EncoderConfiguration.wordTable, let wordGradients else { return storedGradient(name) }
    let dense = arena.matrix(rows: wordGradients.rowCount, columns: wordGradients.columns)
    wordGradients.copy(into: dense)
    return dense
  }

  /// Where the gradient of a tensor is stored; nil when it is frozen, and while no run has asked for gradients:
  /// evaluation needs none.
  func storedGradient(_ name: String) -> Matrix? {
    let tensor = tensor(name)
    guard gradients.count > 0, let range = tensor.range else { return nil }
    return gradients(range).reshaped(rows: tensor.rows, columns: tensor.columns)
  }

  private var wordCount: Int { layout.trainedWords?.count ?? 0 }

  private func tensor(_ name: String) -> ParameterLayout.Tensor {
    guard let tensor = layout[name] else { preconditionFailure("the layout has no tensor \(name)") }
    return tensor
  }
}

extension ParameterLayout.Tensor {
  fileprivate var rows: Int { shape.count > 1 ? shape[0] : 1 }
  fileprivate var columns: Int { shape.count > 1 ? shape[1] : shape[0] }
}
