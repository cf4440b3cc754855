/// `output = input · weightᵀ + bias`: the forward of a linear layer. `[rows × depth] · [columns × depth]ᵀ`.
///
/// A row of the output is the same bits whatever other rows the call holds.
package func multiply(
  _ input: Matrix, transposed weight: Matrix, adding bias: Matrix? = nil, into output: Matrix, on pool: ThreadPool
) {
  precondition(
    input.columns == weight.columns && output.rows == input.rows && output.columns == weight.rows,
    "[\(input.rows) × \(input.columns)] · [\(weight.rows) × \(weight.columns)]ᵀ into [\(output.rows) × \(output.columns)]"
  )
  precondition(
    bias.map { $0.count == output.columns } ?? true, "a bias of \(bias!.count) for \(output.columns) columns")
  pool.forEachRange(of: input.rows, size: rowsPerThread(input.rows, pool)) { range in
    rowInvariantProduct(input.rows(range), weight, bias, into: output.rows(range))
  }
}

/// `output = upstream · weight`, or `+=` with `accumulating`: a linear layer's gradient for its input.
package func multiply(
  _ upstream: Matrix, _ weight: Matrix, into output: Matrix, accumulating: Bool = false, on pool: ThreadPool
) {
  precondition(
    upstream.columns == weight.rows && output.rows == upstream.rows && output.columns == weight.columns,
    "[\(upstream.rows) × \(upstream.columns)] · [\(weight.rows) × \(weight.columns)] into [\(output.rows) × \(output.columns)]"
  )
  // A sum of nothing, as of a rank without documents: oneDNN refuses it.
  guard weight.rows > 0 else { return accumulating ? () : clear(output) }
  pool.forEachRange(of: upstream.rows, size: rowsPerThread(upstream.rows, pool)) { range in
    floatProduct(
      upstream.rows(range).factor, weight.factor, rows: range.count, columns: weight.columns, depth: weight.rows,
      kept: accumulating ? 1 : 0, into: output.rows(range).base, stride: output.columns)
  }
}

/// `gradient += upstreamᵀ · input`: a linear layer's gradient for its weight, `[outputs × inputs]`.
package func accumulateProduct(
  transposed upstream: Matrix, _ input: Matrix, into gradient: Matrix, on pool: ThreadPool
) {
  precondition(
    upstream.rows == input.rows && gradient.rows == upstream.columns && gradient.columns == input.columns,
    "[\(upstream.rows) × \(upstream.columns)]ᵀ · [\(input.rows) × \(input.columns)] into [\(gradient.rows) × \(gradient.columns)]"
  )
  guard input.rows > 0 else { return }
  pool.forEachRange(of: gradient.rows, size: rowsPerThread(gradient.rows, pool)) { range in
    let upstream = Factor(base: upstream.base + range.lowerBound, stride: upstream.columns, isTransposed: true)
    floatProduct(
      upstream, input.factor, rows: range.count, columns: input.columns, depth: input.rows, kept: 1,
      into: gradient.rows(range).base, stride: gradient.columns)
  }
}

/// One block a thread: each packs the weights once. 16 rows is the width of a micro-kernel.
func rowsPerThread(_ rows: Int, _ pool: ThreadPool) -> Int {
  let even = (rows + pool.threadCount - 1) / pool.threadCount
  return max(64, (even + 15) / 16 * 16)
}

extension Matrix {
  fileprivate var factor: Factor { Factor(base: base, stride: columns) }
}

/// `output = input · weightᵀ + bias` on the calling thread: an element's bits are a function of its row and its column.
func rowInvariantProduct(_ input: Matrix, _ weight: Matrix, _ bias: Matrix?, into output: Matrix) {
  #if ONEDNN
    if oneDNNKeepsBits { return paddedProduct(input, weight, bias, into: output) }
  #endif
  orderedProduct(input, weight, bias, into: output)
}
