/// Rounds every element to the nearest bfloat16, ties to even, in place.
///
/// What is not a number stays none; what is beyond bfloat16's range becomes infinite.
package func roundToBFloat16(_ matrix: Matrix, on pool: ThreadPool) {
  pool.forEachRange(of: matrix.rows, size: rowsPerBlock) { range in
    let x = matrix.rows(range)
    for i in 0..<x.count { x.base[i] = Float(bitPattern: UInt32(bfloat16(x.base[i])) << 16) }
  }
}

/// `output = matrix`, every element rounded in the same way.
package func roundToBFloat16(_ matrix: Matrix, into output: BFloat16Matrix, on pool: ThreadPool) {
  precondition(
    matrix.rows == output.rows && matrix.columns == output.columns,
    "[\(matrix.rows) × \(matrix.columns)] rounded into [\(output.rows) × \(output.columns)]")
  pool.forEachRange(of: matrix.rows, size: rowsPerBlock) { range in
    let (source, target) = (matrix.rows(range), output.rows(range).base)
    for i in 0..<source.count { target[i] = bfloat16(source.base[i]) }
  }
}

/// The upper halves of the elements, which hold all of a number that `roundToBFloat16` has rounded: 2 bytes each.
package func upperHalves(of matrix: Matrix) -> [UInt16] {
  [UInt16](unsafeUninitializedCapacity: matrix.count) { halves, count in
    for i in 0..<matrix.count { halves[i] = UInt16(truncatingIfNeeded: matrix.base[i].bitPattern >> 16) }
    count = matrix.count
  }
}

/// Sets the elements from their upper halves: the reverse of `upperHalves`.
package func assign(upperHalves: [UInt16], to matrix: Matrix) {
  precondition(upperHalves.count == matrix.count, "\(upperHalves.count) halves for \(matrix.count) elements")
  upperHalves.withUnsafeBufferPointer { halves in
    for i in 0..<matrix.count { matrix.base[i] = Float(bitPattern: UInt32(halves[i]) << 16) }
  }
}

/// The nearest bfloat16, ties to even.
func bfloat16(_ x: Float) -> UInt16 {
  let bits = x.bitPattern
  // Rounding could carry a NaN's low bits into infinity.
  if x.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
  return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
}
