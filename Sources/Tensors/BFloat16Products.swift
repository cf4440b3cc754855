/// `output = input · weightᵀ + bias` of bfloat16 operands: the forward of a linear layer.
///
/// As in float32 a row of the output is the same bits whatever other rows the call holds.
package func multiply(
  _ input: BFloat16Matrix, transposed weight: BFloat16Matrix, adding bias: Matrix? = nil, into output: Matrix,
  on pool: ThreadPool
) {
  precondition(
    input.columns == weight.columns && output.rows == input.rows && output.columns == weight.rows,
    "[\(input.rows) × \(input.columns)] · [\(weight.rows) × \(weight.columns)]ᵀ into [\(output.rows) × \(output.columns)]"
  )
  precondition(
    bias.map { $0.count == output.columns } ?? true, "a bias of \(bias!.count) for \(output.columns) columns")
  pool.forEachRange(of: input.rows, size: rowsPerThread(input.rows, pool)) { range in
    let part = output.rows(range)
    rowInvariantProduct(input.rows(range), weight.factor(isTransposed: true), adding: false, into: part)
    if let bias { add(bias, toRowsOf: part) }
  }
}

/// `output = upstream · weight`, or `+=` with `accumulating`, of bfloat16 operands: a linear layer's gradient for its input.
///
/// Its rows keep their bits too, as in float32 they need not: what a cut changed in the last bit would be rounded next,
/// now and then to the other side, 1/256 away.
package func multiply(
  _ upstream: BFloat16Matrix, _ weight: BFloat16Matrix, into output: Matrix, accumulating: Bool = false,
  on pool: ThreadPool
) {
  precondition(
    upstream.columns == weight.rows && output.rows == upstream.rows && output.columns == weight.columns,
    "[\(upstream.rows) × \(upstream.columns)] · [\(weight.rows) × \(weight.columns)] into [\(output.rows) × \(output.columns)]"
  )
  pool.forEachRange(of: upstream.rows, size: rowsPerThread(upstream.rows, pool)) { range in
    rowInvariantProduct(
      upstream.rows(range), weight.factor(isTransposed: false), adding: accumulating, into: output.rows(range))
  }
}

/// `gradient += upstreamᵀ · input` of bfloat16 operands: a linear layer's gradient for its weight, `[outputs × inputs]`.
package func accumulateProduct(
  transposed upstream: BFloat16Matrix, _ input: BFloat16Matrix, into gradient: Matrix, on pool: ThreadPool
) {
  precondition(
    upstream.rows == input.rows && gradient.rows == upstream.columns && gradient.columns == input.columns,
    "[\(upstream.rows) × \(upstream.columns)]ᵀ · [\(input.rows) × \(input.columns)] into [\(gradient.rows) × \(gradient.columns)]"
  )
  guard input.rows > 0 else { return }
  pool.forEachRange(of: gradient.rows, size: rowsPerThread(gradient.rows, pool)) { range in
    let upstream = BFloat16Factor(base: upstream.base + range.lowerBound, stride: upstream.columns, isTransposed: true)
    bfloat16Product(
      upstream, input.factor(isTransposed: false), rows: range.count, columns: input.columns, depth: input.rows,
      adding: true, into: gradient.rows(range).base)
  }
}

extension BFloat16Matrix {
  fileprivate func factor(isTransposed: Bool) -> BFloat16Factor {
    BFloat16Factor(base: base, stride: columns, isTransposed: isTransposed)
  }
}

/// From so many rows on an element's bits do not depend on how many there are: a single row is summed up in another order,
/// and no other number of rows, depth or width was seen to matter (BFloat16ProductsTests; tried at run time below).
private let leastRows = 16

/// `output = input · right`, or `+=`, on the calling thread, with rows of zeros where there are too few.
private func rowInvariantProduct(_ input: BFloat16Matrix, _ right: BFloat16Factor, adding: Bool, into output: Matrix) {
  guard input.rows < leastRows else {
    return bfloat16Product(
      input.factor(isTransposed: false), right, rows: input.rows, columns: output.columns, depth: input.columns,
      adding: adding, into: output.base)
  }
  withUnsafeTemporaryAllocation(of: UInt16.self, capacity: leastRows * input.columns) { halves in
    halves.baseAddress!.update(repeating: 0, count: halves.count)
    halves.baseAddress!.update(from: input.base, count: input.count)
    let padded = BFloat16Matrix(base: halves.baseAddress!, rows: leastRows, columns: input.columns)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: leastRows * output.columns) { sums in
      sums.baseAddress!.update(repeating: 0, count: sums.count)
      if adding { sums.baseAddress!.update(from: output.base, count: output.count) }
      bfloat16Product(
        padded.factor(isTransposed: false), right, rows: leastRows, columns: output.columns, depth: input.columns,
        adding: adding, into: sums.baseAddress!)
      output.base.update(from: sums.baseAddress!, count: output.count)
    }
  }
}

/// Whether these products can be had in this process.
package enum BFloat16Products {
  /// Whether the processor has instructions for them, AVX-512 BF16 or AMX BF16, that oneDNN may use.
  package static var areNative: Bool { oneDNNHasBFloat16 }

  /// What stands in the way of them even if they may be emulated, which AVX-512 suffices for; nil: nothing.
  package static var obstacle: String? {
    guard let version = ProductLibraries.oneDNN else {
      return "the program was built without oneDNN (install libdnnl-dev and build again with --manifest-cache none)"
    }
    guard oneDNNCanEmulateBFloat16 else {
      return "the processor has neither bfloat16 instructions (avx512_bf16 or amx_bf16) nor AVX-512"
    }
    return keepsBits ? nil : "oneDNN \(version) lets the number of rows change a row's bits"
  }

  /// Tried once: like rows, many or few, must come out alike.
  private static let keepsBits: Bool = {
    let (most, width, depth) = (400, 384, 768)
    let arena = Arena()
    let input = arena.bfloat16Matrix(rows: most, columns: depth)
    for i in 0..<input.count { input.base[i] = bfloat16(Float((i % depth * 7_919) % 1_009) / 1_009 - 0.4) }
    let weight = arena.bfloat16Matrix(rows: width, columns: depth)
    for i in 0..<weight.count { weight.base[i] = bfloat16(Float((i * 7_907) % 1_013) / 1_013 - 0.4) }
    let output = arena.matrix(rows: most, columns: width)
    return [true, false].allSatisfy { isTransposed in
      let right = BFloat16Factor(base: weight.base, stride: isTransposed ? depth : width, isTransposed: isTransposed)
      var expected: [Float] = []
      return [most, leastRows, 37, 65].allSatisfy { rows in
        bfloat16Product(
          input.factor(isTransposed: false), right, rows: rows, columns: width, depth: depth, adding: false,
          into: output.base)
        if expected.isEmpty { expected = output.rows(0..<1).values }
        return (0..<rows).allSatisfy { output.rows($0..<$0 + 1).values == expected }
      }
    }
  }()
}
