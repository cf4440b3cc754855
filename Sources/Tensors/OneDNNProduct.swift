#if ONEDNN
  /// From these sizes on, oneDNN's bits do not depend on how many rows and columns there are (measured: ProductsTests).
  ///
  /// It sums up in another order where a product is small; and it chooses by the number of rows whether to copy the factors,
  /// of which the two ways agree up to this depth: deeper products are sums of slices.
  private let leastRows = 16
  private let leastColumns = 16
  private let sliceDepth = 768

  /// `output = input · weightᵀ + bias` by oneDNN, with rows of zeros where there are too few for its usual way.
  func paddedProduct(_ input: Matrix, _ weight: Matrix, _ bias: Matrix?, into output: Matrix) {
    withRows(input, atLeast: leastRows) { input in
      withRows(weight, atLeast: leastColumns) { weight in
        guard input.rows == output.rows && weight.rows == output.columns else {
          return withUnsafeTemporaryAllocation(of: Float.self, capacity: input.rows * weight.rows) { scratch in
            let padded = Matrix(base: scratch.baseAddress!, rows: input.rows, columns: weight.rows)
            slicedProduct(input, weight, into: padded)
            for row in 0..<output.rows {
              (output.base + row * output.columns).update(
                from: padded.base + row * padded.columns, count: output.columns)
            }
            if let bias { add(bias, toRowsOf: output) }
          }
        }
        slicedProduct(input, weight, into: output)
        if let bias { add(bias, toRowsOf: output) }
      }
    }
  }

  private func slicedProduct(_ input: Matrix, _ weight: Matrix, into output: Matrix) {
    for start in stride(from: 0, to: input.columns, by: sliceDepth) {
      floatProduct(
        Factor(base: input.base + start, stride: input.columns),
        Factor(base: weight.base + start, stride: weight.columns, isTransposed: true),
        rows: input.rows, columns: weight.rows, depth: min(sliceDepth, input.columns - start),
        kept: start == 0 ? 0 : 1, into: output.base, stride: output.columns)
    }
  }

  private func withRows(_ matrix: Matrix, atLeast rows: Int, _ body: (Matrix) -> Void) {
    guard matrix.rows < rows else { return body(matrix) }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: rows * matrix.columns) { scratch in
      let padded = Matrix(base: scratch.baseAddress!, rows: rows, columns: matrix.columns)
      padded.base.update(from: matrix.base, count: matrix.count)
      (padded.base + matrix.count).update(repeating: 0, count: padded.count - matrix.count)
      body(padded)
    }
  }

  /// Whether oneDNN, this version on this processor, keeps ``rowInvariantProduct``'s promise. Tried once: like rows and like
  /// columns, many or few, must come out alike.
  let oneDNNKeepsBits: Bool = {
    guard usesOneDNN else { return false }
    let most = 700
    return withUnsafeTemporaryAllocation(of: Float.self, capacity: most * (sliceDepth + most)) { scratch in
      let alike = scratch.baseAddress!
      for i in 0..<most * sliceDepth { alike[i] = Float((i % sliceDepth * 7_919) % 1_009) / 1_009 - 0.4 }
      var seen = Set<UInt32>()
      for (rows, columns) in [(400, most), (leastRows, most), (400, leastColumns), (37, 131)] {
        let output = Matrix(base: alike + most * sliceDepth, rows: rows, columns: columns)
        slicedProduct(
          Matrix(base: alike, rows: rows, columns: sliceDepth), Matrix(base: alike, rows: columns, columns: sliceDepth),
          into: output)
        for i in 0..<output.count { seen.insert(output.base[i].bitPattern) }
      }
      return seen.count == 1
    }
  }()
#endif
