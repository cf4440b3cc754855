internal import COpenBLAS

/// OpenBLAS takes another kernel, with other bits, below about 1.0e6 multiply-adds; above, a row's bits do not depend on
/// how many rows there are (measured: ProductsTests).
private let smallProduct = 1_200_000

/// The threads are the pool's: OpenBLAS runs inside one block of it.
func useOneBLASThread() { openblas_set_num_threads(1) }

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
  pool.forEachRange(of: upstream.rows, size: rowsPerThread(upstream.rows, pool)) { range in
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans,
      blasint(range.count), blasint(weight.columns), blasint(weight.rows),
      1, upstream.rows(range).base, blasint(upstream.columns), weight.base, blasint(weight.columns),
      accumulating ? 1 : 0, output.rows(range).base, blasint(output.columns))
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
    cblas_sgemm(
      CblasRowMajor, CblasTrans, CblasNoTrans,
      blasint(range.count), blasint(input.columns), blasint(input.rows),
      1, upstream.base + range.lowerBound, blasint(upstream.columns), input.base, blasint(input.columns),
      1, gradient.rows(range).base, blasint(gradient.columns))
  }
}

/// One block a thread: each packs the weights once. 16 rows is the width of OpenBLAS's micro-kernel.
private func rowsPerThread(_ rows: Int, _ pool: ThreadPool) -> Int {
  let even = (rows + pool.threadCount - 1) / pool.threadCount
  return max(64, (even + 15) / 16 * 16)
}

func rowInvariantProduct(_ input: Matrix, _ weight: Matrix, _ bias: Matrix?, into output: Matrix) {
  let rowsNeeded = smallProduct / (weight.rows * weight.columns) + 1
  if input.rows >= rowsNeeded {
    product(input, weight, bias, into: output)
  } else {
    withPadding(input, rows: rowsNeeded, outputColumns: output.columns) { padded, scratch in
      product(padded, weight, bias, into: scratch)
      output.base.update(from: scratch.base, count: output.count)
    }
  }
}

private func product(_ input: Matrix, _ weight: Matrix, _ bias: Matrix?, into output: Matrix) {
  if let bias {
    for row in 0..<output.rows { (output.base + row * output.columns).update(from: bias.base, count: output.columns) }
  }
  cblas_sgemm(
    CblasRowMajor, CblasNoTrans, CblasTrans,
    blasint(input.rows), blasint(weight.rows), blasint(input.columns),
    1, input.base, blasint(input.columns), weight.base, blasint(weight.columns),
    bias == nil ? 0 : 1, output.base, blasint(output.columns))
}

/// Copies `input` to the top of a zeroed `[rows × depth]` and lends it with room for its `[rows × outputColumns]` product.
private func withPadding(_ input: Matrix, rows: Int, outputColumns: Int, _ body: (Matrix, Matrix) -> Void) {
  withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * (input.columns + outputColumns)) { scratch in
    let base = scratch.baseAddress!
    base.update(from: input.base, count: input.count)
    (base + input.count).update(repeating: 0, count: rows * input.columns - input.count)
    body(
      Matrix(base: base, rows: rows, columns: input.columns),
      Matrix(base: base + rows * input.columns, rows: rows, columns: outputColumns))
  }
}
