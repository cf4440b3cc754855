internal import RealModule

/// `sum += addend`, element by element: a residual connection.
package func add(_ addend: Matrix, to sum: Matrix, on pool: ThreadPool) {
  precondition(addend.count == sum.count, "\(addend.count) values added to \(sum.count)")
  pool.forEachRange(of: sum.rows, size: rowsPerBlock) { range in
    let (x, y) = (addend.rows(range).base, sum.rows(range).base)
    for i in 0..<range.count * sum.columns { y[i] += x[i] }
  }
}

/// Copies all of `source` to `target`.
package func copy(_ source: Matrix, to target: Matrix) {
  precondition(source.count == target.count, "\(source.count) values copied to \(target.count)")
  target.base.update(from: source.base, count: source.count)
}

/// Sets every element to zero.
package func clear(_ matrix: Matrix) {
  matrix.base.update(repeating: 0, count: matrix.count)
}

/// `output[i] = input[rows[i]]`: the rows that count, packed.
package func gatherRows(_ input: Matrix, _ rows: [Int], into output: Matrix) {
  precondition(output.rows == rows.count && output.columns == input.columns)
  for (i, row) in rows.enumerated() {
    (output.base + i * output.columns).update(from: input.rows(row..<row + 1).base, count: input.columns)
  }
}

/// `output[rows[i]] = input[i]`, other rows zero: the adjoint of `gatherRows` for distinct rows.
package func scatterRows(_ input: Matrix, _ rows: [Int], into output: Matrix) {
  precondition(input.rows == rows.count && output.columns == input.columns)
  clear(output)
  for (i, row) in rows.enumerated() {
    output.rows(row..<row + 1).base.update(from: input.base + i * input.columns, count: input.columns)
  }
}

/// `output[rows[i]] += input[i]`: what `gatherRows` read gets its share of the gradient.
package func addRows(_ input: Matrix, to output: Matrix, at rows: [Int]) {
  precondition(input.rows == rows.count && output.columns == input.columns)
  for (i, row) in rows.enumerated() {
    let (x, y) = (input.base + i * input.columns, output.rows(row..<row + 1).base)
    for k in 0..<input.columns { y[k] += x[k] }
  }
}

/// `output = input[:, ..<columns of output]`: the first components of every row.
package func copyFirstColumns(_ input: Matrix, into output: Matrix) {
  precondition(
    output.rows == input.rows && output.columns <= input.columns,
    "the first \(output.columns) columns of [\(input.rows) × \(input.columns)] into \(output.rows) rows")
  for row in 0..<input.rows {
    (output.base + row * output.columns).update(from: input.base + row * input.columns, count: output.columns)
  }
}

/// `output[:, ..<columns of input] += input`: the adjoint of `copyFirstColumns`.
package func addFirstColumns(_ input: Matrix, to output: Matrix) {
  precondition(
    output.rows == input.rows && input.columns <= output.columns,
    "[\(input.rows) × \(input.columns)] to the first columns of [\(output.rows) × \(output.columns)]")
  for row in 0..<input.rows {
    let (x, y) = (input.base + row * input.columns, output.base + row * output.columns)
    for k in 0..<input.columns { y[k] += x[k] }
  }
}

/// Divides every row by its length (at least 1e-12, as PyTorch's `normalize`), in place; keeps the lengths.
///
/// Any finite row that is longer gets length 1: squares are added in double, where no float's square overflows, while
/// PyTorch makes zeros of a row longer than 1.8e19. A row with an infinity or NaN holds NaN then.
package func normalizeRows(_ rows: Matrix, lengths: Matrix, on pool: ThreadPool) {
  precondition(lengths.count == rows.rows, "\(lengths.count) lengths for \(rows.rows) rows")
  let width = rows.columns
  pool.forEachRange(of: rows.rows, size: rowsPerBlock) { range in
    for row in range {
      let x = rows.base + row * width
      var squares = 0.0
      for i in 0..<width { squares = Relaxed.multiplyAdd(Double(x[i]), Double(x[i]), squares) }
      let length = max(squares.squareRoot(), 1e-12)
      lengths.base[row] = Float(length)
      let inverse = 1 / length
      for i in 0..<width { x[i] = Float(Double(x[i]) * inverse) }
    }
  }
}

/// Pulls `upstream` back through `normalizeRows`, in place: `(dy − y ⟨y, dy⟩) / length`.
package func normalizeRowsBackward(_ upstream: Matrix, normalized: Matrix, lengths: Matrix, on pool: ThreadPool) {
  precondition(upstream.count == normalized.count && lengths.count == normalized.rows)
  let width = normalized.columns
  pool.forEachRange(of: normalized.rows, size: rowsPerBlock) { range in
    for row in range {
      let y = normalized.base + row * width
      let dy = upstream.base + row * width
      var projection: Float = 0
      for i in 0..<width { projection = Relaxed.multiplyAdd(y[i], dy[i], projection) }
      let inverse = 1 / lengths.base[row]
      for i in 0..<width { dy[i] = (dy[i] - y[i] * projection) * inverse }
    }
  }
}

/// Multiplies row `i` by `factors[i]`, in place.
package func scaleRows(_ rows: Matrix, by factors: [Float]) {
  precondition(factors.count == rows.rows, "\(factors.count) factors for \(rows.rows) rows")
  for (row, factor) in factors.enumerated() where factor != 1 {
    let x = rows.base + row * rows.columns
    for i in 0..<rows.columns { x[i] *= factor }
  }
}

/// Adds a bias, as many numbers as there are columns, to every row, on the calling thread.
func add(_ bias: Matrix, toRowsOf output: Matrix) {
  for row in 0..<output.rows {
    let values = output.base + row * output.columns
    for column in 0..<output.columns { values[column] += bias.base[column] }
  }
}
