/// Dropout of a batch's hidden features at one site of one layer.
package struct HiddenDropout {
  let dropout: Dropout
  let batch: TokenBatch
  let layer: Int
  let site: DropoutSite

  package init(_ dropout: Dropout, _ batch: TokenBatch, layer: Int, site: DropoutSite) {
    self.dropout = dropout
    self.batch = batch
    self.layer = layer
    self.site = site
  }

  /// Calls `body` for each of these rows of the batch, with its key; nil if nothing drops.
  @inline(__always)
  func forEachRow(_ rows: Range<Int>, _ body: (_ row: Int, _ key: DropoutKey?) -> Void) {
    guard dropout.rate > 0 else {
      for row in rows { body(row, nil) }
      return
    }
    var text = batch.text(ofToken: rows.lowerBound)
    var row = rows.lowerBound
    while row < rows.upperBound {
      let tokens = dropout.tokens(of: batch.places[text], layer: layer, site: site)
      let first = batch.starts[text]
      let end = min(rows.upperBound, batch.starts[text + 1])
      while row < end {
        body(row, tokens.key(token: row - first))
        row += 1
      }
      text += 1
    }
  }
}

/// `output = layerNorm(dropout(rows) + residual)`, in one pass over memory.
///
/// `rows` is overwritten with the normalised values, which the backward pass needs.
/// - Parameters:
///   - rows: `[tokens × width]`; in: what a linear layer gave, out: normalised values.
///   - residual: `[tokens × width]`.
///   - deviations: `[tokens × 1]`; receives 1 / √(variance + ε).
package func residualNorm(
  _ rows: Matrix, dropping hidden: HiddenDropout, adding residual: Matrix, gain: Matrix, bias: Matrix, epsilon: Float,
  deviations: Matrix, into output: Matrix, on pool: ThreadPool
) {
  checkNorm(rows, gain, bias, deviations, output)
  precondition(residual.count == rows.count && hidden.batch.tokenCount == rows.rows)
  let width = rows.columns
  pool.forEachRange(of: rows.rows, size: rowsPerBlock) { range in
    hidden.forEachRow(range) { row, key in
      let (x, addend) = (rows.base + row * width, residual.base + row * width)
      key?.apply(hidden.dropout, to: x, count: width)
      for i in 0..<width { x[i] += addend[i] }
      deviations.base[row] = normalizeRow(
        x, width, gain: gain.base, bias: bias.base, epsilon: epsilon, into: output.base + row * width)
    }
  }
}

/// The gradients that a ``residualNormBackward`` adds to, `[1 × width]` each; nil where nothing is trained.
package struct ResidualNormGradients {
  let gain: Matrix?
  let bias: Matrix?
  /// Of the linear layer that gave the rows.
  let linearBias: Matrix?

  package init(gain: Matrix?, bias: Matrix?, linearBias: Matrix?) {
    self.gain = gain
    self.bias = bias
    self.linearBias = linearBias
  }
}

/// Pulls `upstream` back through `residualNorm`, in place: it becomes ∂loss/∂residual, and `branch` receives ∂loss/∂rows.
///
/// Rows are summed up in blocks of 128 and the blocks one after the other, as ``accumulateColumnSums`` does.
package func residualNormBackward(
  _ upstream: Matrix, normalised: Matrix, gain: Matrix, deviations: Matrix, dropping hidden: HiddenDropout,
  branch: Matrix, gradients: ResidualNormGradients, on pool: ThreadPool
) {
  checkNorm(normalised, gain, gain, deviations, upstream)
  precondition(branch.count == upstream.count && hidden.batch.tokenCount == upstream.rows)
  let width = normalised.columns
  let blocks = (upstream.rows + rowsPerSum - 1) / rowsPerSum
  withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * width * blocks) { partials in
    let partials = partials.baseAddress!
    pool.forEachRange(of: upstream.rows, size: rowsPerSum) { range in
      let sums = partials + 3 * width * (range.lowerBound / rowsPerSum)
      sums.update(repeating: 0, count: 3 * width)
      hidden.forEachRow(range) { row, key in
        let (dy, x) = (upstream.base + row * width, normalised.base + row * width)
        let through = branch.base + row * width
        addGains(dy, x, width, gains: sums, biases: sums + width)
        normalizeRowBackward(dy, x, width, gain: gain.base, deviation: deviations.base[row], into: dy)
        through.update(from: dy, count: width)
        key?.apply(hidden.dropout, to: through, count: width)
        addRow(through, width, to: sums + 2 * width)
      }
    }
    for (place, gradient) in [gradients.gain, gradients.bias, gradients.linearBias].enumerated() {
      guard let gradient else { continue }
      for block in 0..<blocks { addRow(partials + (3 * block + place) * width, width, to: gradient.base) }
    }
  }
}

@inline(__always)
private func addGains(
  _ dy: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ count: Int, gains: UnsafeMutablePointer<Float>,
  biases: UnsafeMutablePointer<Float>
) {
  for i in 0..<count {
    gains[i] = Float.addingProduct(gains[i], dy[i], x[i])
    biases[i] += dy[i]
  }
}

@inline(__always)
private func addRow(_ row: UnsafePointer<Float>, _ count: Int, to sums: UnsafeMutablePointer<Float>) {
  for i in 0..<count { sums[i] += row[i] }
}
