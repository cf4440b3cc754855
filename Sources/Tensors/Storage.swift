/// Owns one aligned block of floats: all parameters, all gradients, or one batch's rows.
///
/// It cannot be copied, so a gigabyte never is by accident.
package struct Storage: ~Copyable, @unchecked Sendable {
  package let count: Int
  let base: UnsafeMutablePointer<Float>

  /// Allocates `count` zeros, aligned to a cache line.
  package init(zeros count: Int) {
    self.count = count
    base = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
      .bindMemory(to: Float.self, capacity: max(count, 1))
    base.initialize(repeating: 0, count: count)
  }

  deinit { base.deallocate() }

  package var span: Span<Float> {
    @_lifetime(borrow self)
    get { _overrideLifetime(Span(_unsafeStart: base, count: count), borrowing: self) }
  }

  package var mutableSpan: MutableSpan<Float> {
    @_lifetime(&self)
    mutating get { _overrideLifetime(MutableSpan(_unsafeStart: base, count: count), mutating: &self) }
  }

  /// The floats `range` alone: a rank's shard, one tensor.
  @_lifetime(borrow self)
  package func span(_ range: Range<Int>) -> Span<Float> {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) is outside 0..<\(count)")
    return _overrideLifetime(Span(_unsafeStart: base + range.lowerBound, count: range.count), borrowing: self)
  }

  /// The floats `range` alone, to be written.
  @_lifetime(&self)
  package mutating func mutableSpan(_ range: Range<Int>) -> MutableSpan<Float> {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) is outside 0..<\(count)")
    return _overrideLifetime(
      MutableSpan(_unsafeStart: base + range.lowerBound, count: range.count), mutating: &self)
  }

  /// A `[rows × columns]` view of the floats from `offset` on; valid while `self` lives.
  package func matrix(at offset: Int = 0, rows: Int, columns: Int) -> Matrix {
    precondition(
      offset >= 0 && rows >= 0 && columns >= 0 && offset + rows * columns <= count,
      "[\(rows) × \(columns)] at \(offset) is outside \(count) floats")
    return Matrix(base: base + offset, rows: rows, columns: columns)
  }
}
