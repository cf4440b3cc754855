package import Tensors

/// The part of `0..<count` that rank `rank` of `rankCount` writes: contiguous, in the order of ranks, sizes equal to one.
package func shardRange(of count: Int, rank: Int, rankCount: Int) -> Range<Int> {
  rank * count / rankCount..<(rank + 1) * count / rankCount
}

/// One of the flat buffers of a training state, as far as this rank has it.
package struct CheckpointBuffer {
  /// The name of the buffer that all ranks hold whole and alike; each checkpoint has it and proves that they do.
  package static let parameters = "parameters"

  let name: String
  /// The number of floats of the whole buffer.
  let count: Int
  private let held: Range<Int>
  private let values: Matrix

  /// A buffer of which this rank has all.
  /// - Parameter values: the buffer, in any shape; must live until it is saved.
  package init(_ name: String, whole values: Matrix) {
    self.init(name, count: values.count, part: 0..<values.count, values)
  }

  /// A buffer of `count` floats of which this rank has `part`.
  /// - Precondition: `part` covers this rank's `shardRange`.
  package init(_ name: String, count: Int, part: Range<Int>, _ values: Matrix) {
    precondition(part.count == values.count, "\(values.count) floats for the part \(part) of \(name)")
    precondition(part.lowerBound >= 0 && part.upperBound <= count, "\(part) is outside the \(count) floats of \(name)")
    self.name = name
    self.count = count
    held = part
    self.values = values.reshaped(rows: values.count, columns: 1)
  }

  var isWhole: Bool { held.count == count }

  /// The floats `range` of the whole buffer, `[count × 1]`.
  func values(_ range: Range<Int>) -> Matrix {
    precondition(
      range.isEmpty || held.lowerBound <= range.lowerBound && range.upperBound <= held.upperBound,
      "this rank has \(held) of \(name), not \(range)")
    let start = range.isEmpty ? 0 : range.lowerBound - held.lowerBound
    return values.rows(start..<start + range.count)
  }
}

/// A tensor's place in the flat buffers.
package struct TensorRecord: Codable, Equatable, Sendable {
  package let name: String
  package let shape: [Int]
  /// Its floats in each of the buffers.
  package let range: Range<Int>

  package init(name: String, shape: [Int], range: Range<Int>) {
    self.name = name
    self.shape = shape
    self.range = range
  }
}
