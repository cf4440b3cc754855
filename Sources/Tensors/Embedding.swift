/// `output[t] = words[id] + positions[offset + place in text] + types[0]` for every token.
///
/// - Parameters:
///   - positions: `[maximum positions × width]`; a text's first token reads row `positionOffset` (BERT 0, XLM-R 2).
///   - output: `[tokens × width]`.
package func embed(
  _ batch: TokenBatch, words: Matrix, positions: Matrix, types: Matrix, positionOffset: Int, into output: Matrix,
  on pool: ThreadPool
) {
  let width = words.columns
  precondition(
    output.rows == batch.tokenCount && output.columns == width && positions.columns == width && types.columns == width)
  precondition(
    batch.longest + positionOffset <= positions.rows,
    "a text of \(batch.longest) tokens for \(positions.rows - positionOffset) positions")
  pool.forEachBlock(batch.textCount) { sequence in
    let start = batch.starts[sequence]
    for row in start..<batch.starts[sequence + 1] {
      let word = words.rows(Int(batch.ids[row])..<Int(batch.ids[row]) + 1).base
      let position = positions.base + (row - start + positionOffset) * width
      let y = output.base + row * width
      for i in 0..<width { y[i] = word[i] + types.base[i] + position[i] }
    }
  }
}

/// Adds `upstream` to the rows that `embed` read. Nil gradients belong to frozen tables.
package func embedBackward(
  _ upstream: Matrix, _ batch: TokenBatch, words: Matrix?, positions: Matrix?, types: Matrix?, positionOffset: Int,
  on pool: ThreadPool
) {
  let width = upstream.columns
  if let types { accumulateColumnSums(upstream, into: types.rows(0..<1), on: pool) }
  // Columns are shared out, never rows: two tokens with the same id add to the same row, in token order.
  pool.forEachRange(of: width, size: 64) { columns in
    for sequence in 0..<batch.textCount {
      let start = batch.starts[sequence]
      for row in start..<batch.starts[sequence + 1] {
        let dy = upstream.base + row * width
        if let words {
          let word = words.base + Int(batch.ids[row]) * width
          for i in columns { word[i] += dy[i] }
        }
        if let positions {
          let position = positions.base + (row - start + positionOffset) * width
          for i in columns { position[i] += dy[i] }
        }
      }
    }
  }
}
