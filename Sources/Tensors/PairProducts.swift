internal import RealModule

/// `output[i, j] = ⟨a_i, b_j⟩`: `[rows × depth]` and `[columns × depth]` into `[rows × columns]`.
///
/// Each element is computed by itself, so its bits depend on nothing but its two rows. For products of which one side is
/// thin (a head with one output) or both are small (one vector a text); the large ones are `multiply`'s.
package func pairProducts(_ a: Matrix, _ b: Matrix, into output: Matrix, on pool: ThreadPool) {
  precondition(
    a.columns == b.columns && output.rows == a.rows && output.columns == b.rows,
    "[\(a.rows) × \(a.columns)] · [\(b.rows) × \(b.columns)]ᵀ into [\(output.rows) × \(output.columns)]")
  let depth = a.columns
  pool.forEachRange(of: a.rows, size: max(1, 4_096 / max(1, b.rows))) { range in
    for i in range {
      let x = a.base + i * depth
      let sums = output.base + i * b.rows
      for j in 0..<b.rows {
        let y = b.base + j * depth
        var sum: Float = 0
        for k in 0..<depth { sum = Relaxed.multiplyAdd(x[k], y[k], sum) }
        sums[j] = sum
      }
    }
  }
}
