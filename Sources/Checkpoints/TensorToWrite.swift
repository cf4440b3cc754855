package import Tensors

/// A tensor to be written: its name, its shape and where its elements are.
package struct TensorToWrite {
  /// Where the elements are, row after row; must live until they are written.
  package enum Elements {
    case floats(Matrix)
    case integers([Int64])
  }

  let name: String
  let shape: [Int]
  let elements: Elements

  /// - Precondition: `elements` has as many as `shape` says, and the name is not the metadata's.
  package init(_ name: String, shape: [Int], _ elements: Elements) {
    self.name = name
    self.shape = shape
    self.elements = elements
    precondition(name != "__metadata__", "a tensor cannot be called \(name)")
    precondition(count == product(shape), "\(count) elements for tensor \(name) \(shape)")
  }

  var count: Int {
    switch elements {
    case .floats(let matrix): matrix.count
    case .integers(let integers): integers.count
    }
  }

  var type: ElementType {
    switch elements {
    case .floats: .float32
    case .integers: .int64
    }
  }

  var byteCount: Int { count * type.size }

  /// Lends the elements as they lie in a file.
  func withBytes<Result>(_ body: (RawSpan) throws -> Result) rethrows -> Result {
    switch elements {
    case .floats(let matrix): try matrix.withSpan { try unsafe body($0.bytes) }
    case .integers(let integers): try unsafe body(integers.span.bytes)
    }
  }
}
