/// How an encoder reads its embedding tables.
package struct EmbeddingRules: Sendable, Equatable {
  /// The row of the position table that a text's first token reads: 0 in BERT, `padding` + 1 in XLM-R.
  package var positionOffset: Int
  /// The id of `<pad>`, whose row has no gradient.
  ///
  /// Batches have no padding, but a text may spell it. XLM-R then counts positions as if it were not there and gives it
  /// the row before the first, which has no gradient either.
  package var padding: Int32

  package init(positionOffset: Int, padding: Int32) {
    self.positionOffset = positionOffset
    self.padding = padding
  }

  private var skipsPadding: Bool { positionOffset > 0 }

  /// Calls `body` with each token of a text, its id and the row of the position table that it reads.
  @inline(__always)
  fileprivate func forEachToken(_ batch: TokenBatch, _ text: Int, _ body: (Int, Int32, Int) -> Void) {
    var position = positionOffset
    for token in batch.starts[text]..<batch.starts[text + 1] {
      let id = batch.ids[token]
      if skipsPadding && id == padding {
        body(token, id, positionOffset - 1)
      } else {
        body(token, id, position)
        position += 1
      }
    }
  }

  fileprivate func trainsWord(_ id: Int32) -> Bool { id != padding }
  fileprivate func trainsPosition(_ id: Int32) -> Bool { !skipsPadding || id != padding }
}

/// `output[t] = words[id] + positions[offset + place in text] + types[0]` for every token.
///
/// - Parameters:
///   - positions: `[maximum positions × width]`.
///   - output: `[tokens × width]`.
/// - Source: `transformers/models/xlm_roberta/modeling_xlm_roberta.py create_position_ids_from_input_ids`.
package func embed(
  _ batch: TokenBatch, words: Matrix, positions: Matrix, types: Matrix, rules: EmbeddingRules, into output: Matrix,
  on pool: ThreadPool
) {
  let width = words.columns
  precondition(
    output.rows == batch.tokenCount && output.columns == width && positions.columns == width && types.columns == width)
  precondition(
    batch.longest + rules.positionOffset <= positions.rows,
    "a text of \(batch.longest) tokens for \(positions.rows - rules.positionOffset) positions")
  pool.forEachBlock(batch.textCount) { text in
    rules.forEachToken(batch, text) { token, id, place in
      let word = words.rows(Int(id)..<Int(id) + 1).base
      let position = positions.base + place * width
      let y = output.base + token * width
      for i in 0..<width { y[i] = word[i] + types.base[i] + position[i] }
    }
  }
}

/// Adds `upstream` to the rows that `embed` read. Nil gradients belong to frozen tables.
///
/// - Precondition: `words` stores the rows of all ids of the batch.
package func embedBackward(
  _ upstream: Matrix, _ batch: TokenBatch, words: RowGradients?, positions: Matrix?, types: Matrix?,
  rules: EmbeddingRules, on pool: ThreadPool
) {
  let width = upstream.columns
  let words = words?.view
  if let types { accumulateColumnSums(upstream, into: types.rows(0..<1), on: pool) }
  // Columns are shared out, never rows: two tokens with the same id add to the same row, in token order.
  pool.forEachRange(of: width, size: 64) { columns in
    for text in 0..<batch.textCount {
      rules.forEachToken(batch, text) { token, id, place in
        let dy = upstream.base + token * width
        if let words, rules.trainsWord(id) {
          guard let word = words[Int(id)] else { preconditionFailure("no room for the gradient of word \(id)") }
          for i in columns { word[i] += dy[i] }
        }
        if let positions, rules.trainsPosition(id) {
          let position = positions.base + place * width
          for i in columns { position[i] += dy[i] }
        }
      }
    }
  }
}
