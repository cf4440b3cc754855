internal import RealModule

/// `output = normalised · gain + bias` with `normalised = (row − mean) / √(variance + ε)`, row by row.
///
/// `rows` is overwritten with the normalised values, which the backward pass needs.
/// - Parameters:
///   - rows: `[tokens × width]`; in: values, out: normalised values.
///   - deviations: `[tokens × 1]`; receives 1 / √(variance + ε).
/// - Source: Ba, Kiros & Hinton, "Layer Normalization", 2016.
package func layerNorm(
  _ rows: Matrix, gain: Matrix, bias: Matrix, epsilon: Float, deviations: Matrix, into output: Matrix,
  on pool: ThreadPool
) {
  checkNorm(rows, gain, bias, deviations, output)
  let width = rows.columns
  pool.forEachRange(of: rows.rows, size: rowsPerBlock) { range in
    for row in range {
      deviations.base[row] = normalizeRow(
        rows.base + row * width, width, gain: gain.base, bias: bias.base, epsilon: epsilon,
        into: output.base + row * width)
    }
  }
}

/// Pulls `upstream` back through `layerNorm`: `gradient` receives ∂loss/∂rows; gain and bias gradients are added to.
///
/// `gradient` may be `upstream`. Parameter gradients are nil when the norm is frozen.
package func layerNormBackward(
  _ upstream: Matrix, normalised: Matrix, gain: Matrix, deviations: Matrix, into gradient: Matrix,
  gainGradient: Matrix?, biasGradient: Matrix?, on pool: ThreadPool
) {
  checkNorm(normalised, gain, gain, deviations, upstream)
  let width = normalised.columns
  if let gainGradient, let biasGradient {
    accumulateColumnSums(upstream, times: normalised, into: gainGradient, on: pool)
    accumulateColumnSums(upstream, into: biasGradient, on: pool)
  }
  pool.forEachRange(of: normalised.rows, size: rowsPerBlock) { range in
    for row in range {
      normalizeRowBackward(
        upstream.base + row * width, normalised.base + row * width, width, gain: gain.base,
        deviation: deviations.base[row], into: gradient.base + row * width)
    }
  }
}

/// One row of `layerNorm`: gives 1 / √(variance + ε).
@inline(__always)
func normalizeRow(
  _ x: UnsafeMutablePointer<Float>, _ width: Int, gain: UnsafePointer<Float>, bias: UnsafePointer<Float>,
  epsilon: Float, into y: UnsafeMutablePointer<Float>
) -> Float {
  var sum: Float = 0
  for i in 0..<width { sum = Relaxed.sum(sum, x[i]) }
  let mean = sum / Float(width)
  var squares: Float = 0
  for i in 0..<width { squares = Relaxed.multiplyAdd(x[i] - mean, x[i] - mean, squares) }
  let deviation = 1 / (squares / Float(width) + epsilon).squareRoot()
  for i in 0..<width {
    let normalised = (x[i] - mean) * deviation
    x[i] = normalised
    y[i] = Float.addingProduct(bias[i], normalised, gain[i])
  }
  return deviation
}

/// One row of `layerNormBackward`; `dx` may be `dy`.
@inline(__always)
func normalizeRowBackward(
  _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ width: Int, gain: UnsafePointer<Float>, deviation: Float,
  into dx: UnsafeMutablePointer<Float>
) {
  var sum: Float = 0
  var projection: Float = 0
  for i in 0..<width {
    let scaled = dy[i] * gain[i]
    sum = Relaxed.sum(sum, scaled)
    projection = Relaxed.multiplyAdd(scaled, x[i], projection)
  }
  let (mean, slope) = (sum / Float(width), projection / Float(width))
  for i in 0..<width { dx[i] = (dy[i] * gain[i] - mean - x[i] * slope) * deviation }
}

/// How many rows a thread takes at a time in row-wise kernels.
let rowsPerBlock = 64

func checkNorm(_ rows: Matrix, _ gain: Matrix, _ bias: Matrix, _ deviations: Matrix, _ output: Matrix) {
  precondition(
    gain.count == rows.columns && bias.count == rows.columns && deviations.count == rows.rows
      && output.rows == rows.rows && output.columns == rows.columns,
    "layer norm of [\(rows.rows) × \(rows.columns)] into [\(output.rows) × \(output.columns)] with \(gain.count) gains")
}
