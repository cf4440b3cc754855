import Tensors

/// One tensor of a file, as the file describes it.
package struct TensorEntry: Equatable, Sendable {
  package let name: String
  package let type: ElementType
  package let shape: [Int]
  /// The byte of the file where its first element begins.
  let start: Int

  /// The number of elements.
  package var count: Int { product(shape)! }  // who made the entry saw that it fits

  /// Where its bytes lie in the file if its elements follow each other.
  var bytes: Range<Int> { start..<start + count * type.size }

  /// Its extents as a matrix: the last one as columns, the product of the others as rows.
  var rowsAndColumns: (rows: Int, columns: Int) {
    // Beside an extent of 0, the product of the others may be any number, also one that does not fit.
    (product(shape.dropLast()) ?? 0, shape.last ?? 1)
  }
}

/// Elements that follow each other in a file, row after row.
extension TensorEntry {
  /// The floats in place, or nil if they must be copied: another type, or not aligned.
  ///
  /// `[rows × columns]`; not to be used after `file` is gone.
  func view(in file: MappedFile) -> Matrix? {
    // The address outlives the loan: the mapping is as old as the file, which the caller keeps.
    let base = unsafe file.withBytes { $0.baseAddress }
    guard type == .float32, let address = unsafe base?.advanced(by: start),
      UInt(bitPattern: address) % UInt(MemoryLayout<Float>.alignment) == 0
    else { return nil }
    let (rows, columns) = rowsAndColumns
    return unsafe Matrix(mapped: address, rows: rows, columns: columns)
  }

  /// Copies `elements` to `target`, rounding to nearest.
  ///
  /// - Precondition: the type is convertible, and `target` holds as many.
  func copy(_ elements: Range<Int>, in file: MappedFile, to target: UnsafeMutableBufferPointer<Float>) {
    let range = start + elements.lowerBound * type.size..<start + elements.upperBound * type.size
    unsafe file.withBytes { unsafe type.toFloats(UnsafeRawBufferPointer(rebasing: $0[range]), target) }
  }
}

/// The product of `shape`, 1 for a scalar; nil if it does not fit.
func product(_ shape: some Collection<Int>) -> Int? {
  if shape.contains(0) { return 0 }
  var count = 1
  for extent in shape {
    guard case (let larger, false) = count.multipliedReportingOverflow(by: extent) else { return nil }
    count = larger
  }
  return count
}
