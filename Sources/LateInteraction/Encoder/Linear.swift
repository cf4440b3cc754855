import Tensors

/// `y = x Wᵀ + b`, with the gradients of W and b if they are trained.
struct Linear {
  let weight: Matrix
  let bias: Matrix?
  let weightGradient: Matrix?
  let biasGradient: Matrix?

  /// - Parameter biasMatters: false for a bias that the loss does not depend on; its gradient stays exactly zero.
  init(_ parameters: Parameters, _ name: String, hasBias: Bool = true, biasMatters: Bool = true) {
    weight = parameters.value("\(name).weight")
    weightGradient = parameters.storedGradient("\(name).weight")
    bias = hasBias ? parameters.value("\(name).bias") : nil
    biasGradient = hasBias && biasMatters ? parameters.storedGradient("\(name).bias") : nil
  }

  /// `[rows × inputs]` to `[rows × outputs]`.
  func forward(_ input: Matrix, into output: Matrix, on pool: ThreadPool) {
    pool.clock.measure(.products) { multiply(input, transposed: weight, adding: bias, into: output, on: pool) }
  }

  /// Adds to the gradients of W and b; `gradient`, if wanted, receives ∂loss/∂input or has it added.
  ///
  /// - Parameter sumsBias: false where the kernel that made `upstream` has added to the gradient of b.
  func backward(
    _ upstream: Matrix, input: Matrix, into gradient: Matrix?, accumulating: Bool = false, sumsBias: Bool = true,
    on pool: ThreadPool
  ) {
    if let weightGradient {
      pool.clock.measure(.products) { accumulateProduct(transposed: upstream, input, into: weightGradient, on: pool) }
    }
    if sumsBias, let biasGradient { accumulateColumnSums(upstream, into: biasGradient, on: pool) }
    if let gradient {
      pool.clock.measure(.products) { multiply(upstream, weight, into: gradient, accumulating: accumulating, on: pool) }
    }
  }
}

/// A layer norm's gain and bias, with their gradients if they are trained.
struct Norm {
  let gain: Matrix
  let bias: Matrix
  let gainGradient: Matrix?
  let biasGradient: Matrix?
  let epsilon: Float

  init(_ parameters: Parameters, _ name: String, epsilon: Float) {
    gain = parameters.value("\(name).weight")
    bias = parameters.value("\(name).bias")
    gainGradient = parameters.storedGradient("\(name).weight")
    biasGradient = parameters.storedGradient("\(name).bias")
    self.epsilon = epsilon
  }

  /// The norm of `dropout(rows) + residual`; see `residualNorm`.
  func forward(
    _ rows: Matrix, dropping hidden: HiddenDropout, adding residual: Matrix, deviations: Matrix, into output: Matrix,
    on pool: ThreadPool
  ) {
    residualNorm(
      rows, dropping: hidden, adding: residual, gain: gain, bias: bias, epsilon: epsilon, deviations: deviations,
      into: output, on: pool)
  }

  /// In place: `upstream` becomes ∂loss/∂residual; `branch` receives ∂loss/∂rows, of which `linear` was the source.
  func backward(
    _ upstream: Matrix, normalised: Matrix, deviations: Matrix, dropping hidden: HiddenDropout, branch: Matrix,
    through linear: Linear, on pool: ThreadPool
  ) {
    residualNormBackward(
      upstream, normalised: normalised, gain: gain, deviations: deviations, dropping: hidden, branch: branch,
      gradients: ResidualNormGradients(gain: gainGradient, bias: biasGradient, linearBias: linear.biasGradient),
      on: pool)
  }

  /// Overwrites `rows` with its normalised values; see `layerNorm`.
  func forward(_ rows: Matrix, deviations: Matrix, into output: Matrix, on pool: ThreadPool) {
    layerNorm(rows, gain: gain, bias: bias, epsilon: epsilon, deviations: deviations, into: output, on: pool)
  }

  /// In place: `upstream` becomes ∂loss/∂input.
  func backward(_ upstream: Matrix, normalised: Matrix, deviations: Matrix, on pool: ThreadPool) {
    layerNormBackward(
      upstream, normalised: normalised, gain: gain, deviations: deviations, into: upstream,
      gainGradient: gainGradient, biasGradient: biasGradient, on: pool)
  }
}
