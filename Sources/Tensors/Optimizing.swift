internal import RealModule

/// Σ x², in double precision and in an order that does not depend on the thread count.
package func squaredNorm(_ values: Matrix, on pool: ThreadPool) -> Double {
  let size = 1 << 16
  let blocks = (values.count + size - 1) / size
  return withUnsafeTemporaryAllocation(of: Double.self, capacity: max(1, blocks)) { sums in
    pool.forEachBlock(blocks) { block in
      let x = values.base + block * size
      var sum = 0.0
      for i in 0..<min(size, values.count - block * size) {
        sum = Relaxed.multiplyAdd(Double(x[i]), Double(x[i]), sum)
      }
      sums[block] = sum
    }
    return sums.prefix(blocks).reduce(0, +)
  }
}

/// What one AdamW update needs to know beside the four buffers.
package struct AdamWStep: Sendable {
  package var learningRate: Float
  package var weightDecay: Float
  package var betas: (Float, Float)
  /// 1 − β₁ and 1 − β₂, rounded once: 1 − Float(0.999) is off by 1e-5.
  package var complements: (Float, Float)
  package var epsilon: Float
  /// Multiplies the gradient: clipping by the global norm.
  package var gradientScale: Float
  /// 1 − β₁ᵗ and 1 − β₂ᵗ for the update t = 1, 2, ….
  package var biasCorrections: (Float, Float)

  package init(
    learningRate: Float, weightDecay: Float, betas: (Double, Double), epsilon: Float, gradientScale: Float, update: Int
  ) {
    self.learningRate = learningRate
    self.weightDecay = weightDecay
    self.betas = (Float(betas.0), Float(betas.1))
    complements = (Float(1 - betas.0), Float(1 - betas.1))
    self.epsilon = epsilon
    self.gradientScale = gradientScale
    biasCorrections = (Float(1 - Double.pow(betas.0, update)), Float(1 - Double.pow(betas.1, update)))
  }
}

/// One update of AdamW over equally long stretches of the four buffers, with decoupled weight decay.
///
/// Decay and update are subtracted as one: `1 − rate · decay` is 1 in single precision at the rates of fine-tuning.
/// - Source: Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2, with `torch.optim.AdamW`'s
///   place for ε.
package func adamW(
  _ step: AdamWStep, values: Matrix, gradients: Matrix, firstMoments: Matrix, secondMoments: Matrix,
  on pool: ThreadPool
) {
  precondition(
    gradients.count == values.count && firstMoments.count == values.count && secondMoments.count == values.count)
  let rule = AdamWRule(step)
  let size = 1 << 14
  pool.forEachBlock((values.count + size - 1) / size) { block in
    let start = block * size
    rule.update(
      values.base + start, gradients.base + start, firstMoments.base + start, secondMoments.base + start,
      count: min(size, values.count - start))
  }
}

/// The same for a table of which few rows have a gradient: the others are updated with zeros, as if it were dense.
///
/// - Parameters:
///   - part: which floats of the table, counted row after row; it may begin and end within a row.
///   - values: of that part, as the moments are.
package func adamW(
  _ step: AdamWStep, part: Range<Int>, values: Matrix, gradients: RowGradients, firstMoments: Matrix,
  secondMoments: Matrix, on pool: ThreadPool
) {
  precondition(part.lowerBound >= 0 && part.upperBound <= gradients.rowCount * gradients.columns)
  precondition(
    values.count == part.count && firstMoments.count == part.count && secondMoments.count == part.count)
  let rule = AdamWRule(step)
  let (width, rows) = (gradients.columns, gradients.view)
  let firstRow = part.lowerBound / width
  let rowCount = (part.upperBound + width - 1) / width - firstRow
  withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { zeros in
    let zeros = zeros.baseAddress!
    zeros.update(repeating: 0, count: width)
    pool.forEachRange(of: rowCount, size: max(1, (1 << 14) / width)) { range in
      for row in range.lowerBound + firstRow..<range.upperBound + firstRow {
        let floats = (row * width..<(row + 1) * width).clamped(to: part)
        let start = floats.lowerBound - part.lowerBound
        let gradient = rows[row].map { UnsafePointer($0 + floats.lowerBound - row * width) } ?? UnsafePointer(zeros)
        rule.update(
          values.base + start, gradient, firstMoments.base + start, secondMoments.base + start, count: floats.count)
      }
    }
  }
}

/// An update's factors, worked out once.
private struct AdamWRule {
  let step: AdamWStep
  let decay: Float
  let rate: Float
  let inverseRoot: Float

  init(_ step: AdamWStep) {
    self.step = step
    decay = step.learningRate * step.weightDecay
    rate = step.learningRate / step.biasCorrections.0
    inverseRoot = 1 / step.biasCorrections.1.squareRoot()
  }

  @inline(__always)
  func update(
    _ p: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, _ m: UnsafeMutablePointer<Float>,
    _ v: UnsafeMutablePointer<Float>, count: Int
  ) {
    let (beta1, beta2) = step.betas
    let (complement1, complement2) = step.complements
    for i in 0..<count {
      let gradient = g[i] * step.gradientScale
      let first = Float.addingProduct(beta1 * m[i], complement1, gradient)
      let second = Float.addingProduct(beta2 * v[i], complement2 * gradient, gradient)
      m[i] = first
      v[i] = second
      let update = rate * first / Float.addingProduct(step.epsilon, second.squareRoot(), inverseRoot)
      p[i] -= Float.addingProduct(update, decay, p[i])
    }
  }
}
