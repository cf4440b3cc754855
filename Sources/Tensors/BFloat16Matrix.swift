/// What the operands of a linear layer's products are; sums and results are float32 in both.
package enum ProductPrecision: String, Codable, Sendable {
  case float32, bfloat16
}

/// A row-major `[rows × columns]` view of bfloat16 numbers, the upper halves of floats, that something else owns.
///
/// Rows are disjoint, so different threads may write different rows.
package struct BFloat16Matrix: BitwiseCopyable, @unchecked Sendable {
  let base: UnsafeMutablePointer<UInt16>
  package let rows: Int
  package let columns: Int

  package var count: Int { rows * columns }

  /// The first numbers of this memory in another shape.
  package func first(rows: Int, columns: Int) -> BFloat16Matrix {
    precondition(
      rows * columns <= count, "[\(rows) × \(columns)] does not fit into [\(self.rows) × \(self.columns)]")
    return BFloat16Matrix(base: base, rows: rows, columns: columns)
  }

  func rows(_ range: Range<Int>) -> BFloat16Matrix {
    BFloat16Matrix(base: base + range.lowerBound * columns, rows: range.count, columns: columns)
  }
}

extension Arena {
  /// A `[rows × columns]` matrix of bfloat16 numbers with undefined contents, valid until `reset`.
  package func bfloat16Matrix(rows: Int, columns: Int) -> BFloat16Matrix {
    let floats = matrix(rows: 1, columns: (rows * columns + 1) / 2)
    let base = UnsafeMutableRawPointer(floats.base).bindMemory(to: UInt16.self, capacity: max(1, rows * columns))
    return BFloat16Matrix(base: base, rows: rows, columns: columns)
  }
}
