/// `sums += Σ rows`: a bias's gradient. `[rows × columns]` into `[1 × columns]`.
package func accumulateColumnSums(_ rows: Matrix, into sums: Matrix, on pool: ThreadPool) {
  accumulate(rows, into: sums, on: pool) { row, range, partial in
    for i in 0..<range.count { partial[i] += row[range.lowerBound + i] }
  }
}

/// `sums += Σ rows ∘ factors`, element by element: a gain's gradient.
package func accumulateColumnSums(_ rows: Matrix, times factors: Matrix, into sums: Matrix, on pool: ThreadPool) {
  precondition(factors.rows == rows.rows && factors.columns == rows.columns)
  let offset = factors.base - rows.base
  accumulate(rows, into: sums, on: pool) { row, range, partial in
    let (values, factors) = (row + range.lowerBound, row + offset + range.lowerBound)
    for i in 0..<range.count { partial[i] = Float.addingProduct(partial[i], values[i], factors[i]) }
  }
}

/// How many rows are added up by themselves, before their sum is added to those of others.
let rowsPerSum = 128

/// Adds rows up in blocks of 128 and the blocks one after the other, so that rounding grows with neither alone.
@inline(__always)
private func accumulate(
  _ rows: Matrix, into sums: Matrix, on pool: ThreadPool,
  _ add: (UnsafePointer<Float>, Range<Int>, UnsafeMutablePointer<Float>) -> Void
) {
  precondition(sums.count == rows.columns, "\(sums.count) sums for \(rows.columns) columns")
  pool.forEachRange(of: rows.columns, size: 256) { columns in
    withUnsafeTemporaryAllocation(of: Float.self, capacity: columns.count) { scratch in
      let partial = scratch.baseAddress!
      for first in stride(from: 0, to: rows.rows, by: rowsPerSum) {
        partial.update(repeating: 0, count: columns.count)
        for row in first..<min(rows.rows, first + rowsPerSum) { add(rows.base + row * rows.columns, columns, partial) }
        for i in 0..<columns.count { sums.base[columns.lowerBound + i] += partial[i] }
      }
    }
  }
}
