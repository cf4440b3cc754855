private let inverseSquareRootOf2: Float = 0.707_106_781
private let inverseSquareRootOf2Pi: Float = 0.398_942_280

/// `output = x Φ(x)`, the exact GELU with the error function.
///
/// - Source: Hendrycks & Gimpel, "Gaussian Error Linear Units", 2016.
package func gelu(_ input: Matrix, into output: Matrix, on pool: ThreadPool) {
  precondition(output.count == input.count, "GELU of \(input.count) into \(output.count) values")
  pool.forEachRange(of: input.rows, size: rowsPerBlock) { range in
    let (x, y) = (input.rows(range).base, output.rows(range).base)
    for i in 0..<range.count * input.columns {
      let half = 0.5 * x[i]
      y[i] = Float.addingProduct(half, half, errorFunction(x[i] * inverseSquareRootOf2))
    }
  }
}

/// Pulls `upstream` back through `gelu`, in place: `upstream · (Φ(x) + x φ(x))`.
package func geluBackward(_ upstream: Matrix, input: Matrix, on pool: ThreadPool) {
  precondition(upstream.count == input.count, "GELU's gradient of \(upstream.count) for \(input.count) values")
  pool.forEachRange(of: input.rows, size: rowsPerBlock) { range in
    let (x, dy) = (input.rows(range).base, upstream.rows(range).base)
    for i in 0..<range.count * input.columns {
      let v = x[i]
      let cumulative = Float.addingProduct(0.5, 0.5, errorFunction(v * inverseSquareRootOf2))
      let density = inverseSquareRootOf2Pi * exponential(-0.5 * v * v)
      dy[i] *= Float.addingProduct(cumulative, v, density)
    }
  }
}
