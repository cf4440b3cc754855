/// A row-major `[rows × columns]` view of floats that something else owns and keeps alive.
///
/// Rows are disjoint, so different threads may write different rows.
package struct Matrix: BitwiseCopyable, @unchecked Sendable {
  let base: UnsafeMutablePointer<Float>
  package let rows: Int
  package let columns: Int

  init(base: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
    self.base = base
    self.rows = rows
    self.columns = columns
  }

  /// A view of floats in mapped memory, which must outlive every use. Frozen tensors are read in place this way.
  package init(mapped: UnsafeRawPointer, rows: Int, columns: Int) {
    self.init(
      base: UnsafeMutablePointer(mutating: mapped.assumingMemoryBound(to: Float.self)), rows: rows, columns: columns)
  }

  package var count: Int { rows * columns }

  /// Rows `range` of this view.
  package func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) are outside 0..<\(rows)")
    return Matrix(base: base + range.lowerBound * columns, rows: range.count, columns: columns)
  }

  /// The same floats in another shape.
  package func reshaped(rows: Int, columns: Int) -> Matrix {
    precondition(rows * columns == count, "[\(self.rows) × \(self.columns)] does not reshape to [\(rows) × \(columns)]")
    return Matrix(base: base, rows: rows, columns: columns)
  }

  /// One element; for tests and small things, never for kernels.
  package subscript(row: Int, column: Int) -> Float {
    get {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns)
      return base[row * columns + column]
    }
    nonmutating set {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns)
      base[row * columns + column] = newValue
    }
  }

  /// All elements, row after row.
  package var values: [Float] { Array(UnsafeBufferPointer(start: base, count: count)) }

  /// All elements as a span; valid while the owner lives.
  package func withSpan<Result, Failure: Error>(
    _ body: (Span<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(Span(_unsafeElements: UnsafeBufferPointer(start: base, count: count)))
  }

  /// All elements as a span to be written; valid while the owner lives.
  package func withMutableSpan<Result, Failure: Error>(
    _ body: (inout MutableSpan<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var span = MutableSpan(_unsafeElements: UnsafeMutableBufferPointer(start: base, count: count))
    return try body(&span)
  }

  /// Copies `values`, row after row, into this view.
  package func assign(_ values: [Float]) {
    precondition(values.count == count, "\(values.count) values for [\(rows) × \(columns)]")
    values.withUnsafeBufferPointer { base.update(from: $0.baseAddress!, count: count) }
  }
}
