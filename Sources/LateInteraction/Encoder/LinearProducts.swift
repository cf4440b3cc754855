import Tensors

/// A factor of linear layers' products: as it is, and rounded to bfloat16 if they take that.
struct Operand {
  let values: Matrix
  let rounded: BFloat16Matrix?
}

/// How an encoder's linear layers multiply during one pass, with the room for rounded operands: each is rounded when it is
/// used, so that of all weights no more than one layer's lies there twice.
struct LinearProducts {
  let pool: ThreadPool
  /// Nil in float32.
  private let room: Room?

  private struct Room {
    let input: BFloat16Matrix
    /// Nil when no backward follows.
    let upstream: BFloat16Matrix?
    let weight: BFloat16Matrix
  }

  init(
    _ precision: ProductPrecision, tokens: Int, _ configuration: EncoderConfiguration, forBackward: Bool,
    in arena: Arena,
    on pool: ThreadPool
  ) {
    self.pool = pool
    let widest = max(configuration.width, configuration.intermediateWidth)
    room =
      precision == .float32
      ? nil
      : Room(
        input: arena.bfloat16Matrix(rows: tokens, columns: widest),
        upstream: forBackward ? arena.bfloat16Matrix(rows: tokens, columns: widest) : nil,
        weight: arena.bfloat16Matrix(rows: widest, columns: configuration.width))
  }

  /// A layer's input, for one or several products: valid until the next call.
  func input(_ rows: Matrix) -> Operand { rounded(rows, in: room?.input) }

  fileprivate func upstream(_ rows: Matrix) -> Operand { rounded(rows, in: room?.upstream) }

  fileprivate func weight(_ weight: Matrix) -> Operand { rounded(weight, in: room?.weight) }

  private func rounded(_ values: Matrix, in room: BFloat16Matrix?) -> Operand {
    guard let room else { return Operand(values: values, rounded: nil) }
    let halves = room.first(rows: values.rows, columns: values.columns)
    pool.clock.measure(.products) { roundToBFloat16(values, into: halves, on: pool) }
    return Operand(values: values, rounded: halves)
  }
}

extension Linear {
  /// `[rows × inputs]` to `[rows × outputs]`.
  func forward(_ input: Operand, into output: Matrix, _ products: LinearProducts) {
    guard let rounded = input.rounded, let weight = products.weight(weight).rounded else {
      return forward(input.values, into: output, on: products.pool)
    }
    products.pool.clock.measure(.products) {
      multiply(rounded, transposed: weight, adding: bias, into: output, on: products.pool)
    }
  }

  /// Adds to the gradients of W and b; `gradient`, if wanted, receives ∂loss/∂input or has it added.
  func backward(
    _ upstream: Matrix, input: Operand, into gradient: Matrix?, accumulating: Bool = false, sumsBias: Bool = true,
    _ products: LinearProducts
  ) {
    let pool = products.pool
    guard let input = input.rounded, let rounded = products.upstream(upstream).rounded else {
      return backward(
        upstream, input: input.values, into: gradient, accumulating: accumulating, sumsBias: sumsBias, on: pool)
    }
    if let weightGradient {
      pool.clock.measure(.products) { accumulateProduct(transposed: rounded, input, into: weightGradient, on: pool) }
    }
    if sumsBias, let biasGradient { accumulateColumnSums(upstream, into: biasGradient, on: pool) }
    if let gradient, let weight = products.weight(weight).rounded {
      pool.clock.measure(.products) {
        multiply(rounded, weight, into: gradient, accumulating: accumulating, on: pool)
      }
    }
  }
}

extension EncoderConfiguration {
  /// How many floats' room the rounded operands of one pass take; see ``LinearProducts``.
  func operandFloats(_ precision: ProductPrecision, tokens: Int, forBackward: Bool) -> Int {
    guard precision == .bfloat16 else { return 0 }
    let widest = max(width, intermediateWidth)
    return (tokens * widest * (forBackward ? 2 : 1) + widest * width) / 2
  }
}
