internal import RealModule

/// The queries, keys and values of a batch, `[tokens × heads · head width]` each, and how to read them.
package struct AttentionInputs {
  package let queries: Matrix
  package let keys: Matrix
  package let values: Matrix
  package let headCount: Int

  package init(queries: Matrix, keys: Matrix, values: Matrix, headCount: Int) {
    precondition(queries.columns % headCount == 0, "\(queries.columns) columns do not divide into \(headCount) heads")
    precondition(queries.count == keys.count && keys.count == values.count)
    self.queries = queries
    self.keys = keys
    self.values = values
    self.headCount = headCount
  }

  fileprivate var scale: Float { 1 / Float(queries.columns / headCount).squareRoot() }
}

/// `output = dropout(softmax(Q Kᵀ / √d)) V`, text by text and head by head: a text never sees another.
///
/// Memory is linear in a text's length: a block of rows meets one block of keys after the other, and what it has summed up
/// is scaled down whenever a larger logit turns up.
/// - Parameters:
///   - statistics: `[tokens × 2 · heads]`; receives what the backward pass computes probabilities from; nil without one.
///   - output: `[tokens × heads · head width]`.
/// - Source: Vaswani et al., "Attention Is All You Need", 2017, equation 1; Milakov & Gimelshein, "Online normalizer
///   calculation for softmax", 2018; Dao et al., "FlashAttention", 2022.
package func attention(
  _ inputs: AttentionInputs, _ batch: TokenBatch, dropout: Dropout, layer: Int, statistics: Matrix?,
  into output: Matrix, on pool: ThreadPool
) {
  precondition(statistics?.count ?? 2 * batch.tokenCount * inputs.headCount == 2 * batch.tokenCount * inputs.headCount)
  precondition(output.count == inputs.queries.count && output.rows == batch.tokenCount)
  let work = AttentionWork(batch, inputs.headCount) { _, blocks in 0..<blocks.rows }
  let statistics = statistics.map(SoftmaxStatistics.init)
  pool.forEachBlock(work.units.count) { index in
    let unit = work.units[index]
    let head = AttentionHead(
      batch, headCount: inputs.headCount, text: unit.text, head: unit.head, dropout: dropout, layer: layer)
    attend(head, rows: head.rowBlock(unit.block), inputs, dropout, statistics, into: output)
  }
}

/// The output of some rows of one head.
private func attend(
  _ head: AttentionHead, rows: Range<Int>, _ inputs: AttentionInputs, _ dropout: Dropout,
  _ statistics: SoftmaxStatistics?, into output: Matrix
) {
  let queries = head.columns(inputs.queries, rows)
  let sums = head.columns(output, rows)
  withRowSums(rows.count) { largest, totals in
    for block in 0..<head.keyBlockCount {
      let keys = head.keyBlock(block)
      withTwoBlocks(rows: rows.count, columns: keys.count) { logits, _ in
        smallProduct(
          queries, head.columns(inputs.keys, keys), transposing: .right, scale: inputs.scale, into: logits)
        for row in 0..<rows.count {
          let before = largest[row]
          largest[row] = max(before, maximumValue(logits.row(row), keys.count))
          let mask = head.mask(row: rows.lowerBound + row, firstKey: keys.lowerBound)
          let total = softmaxTerms(logits.row(row), keys.count, largest[row], mask)
          guard block > 0 else {
            totals[row] = total
            continue
          }
          let shrinking = exponential(before - largest[row])
          totals[row] = Float.addingProduct(total, totals[row], shrinking)
          scaleRow(sums.row(row), sums.columns, by: shrinking)
        }
        smallProduct(logits, head.columns(inputs.values, keys), adding: block > 0, into: sums)
      }
    }
    for row in 0..<rows.count {
      let inverse = 1 / totals[row]
      scaleRow(sums.row(row), sums.columns, by: inverse * dropout.scale)
      statistics?.set(rows.lowerBound + row, of: head, largest: largest[row], inverse: inverse)
    }
  }
}

/// Pulls `upstream` back through `attention` into ∂loss/∂Q, ∂K, ∂V, which are overwritten. Probabilities are computed again.
///
/// In phase p key block k meets row block (k + p) mod n: at any time each block of each gradient belongs to one thread, and
/// the order of its sum is that of the phases, whoever computes them.
/// - Parameters:
///   - output: what `attention` gave; a row's ⟨upstream, output⟩ is Σ over keys of probability · its gradient.
///   - statistics: what `attention` left there.
package func attentionBackward(
  _ upstream: Matrix, _ inputs: AttentionInputs, _ batch: TokenBatch, dropout: Dropout, layer: Int, output: Matrix,
  statistics: Matrix, into gradients: AttentionInputs, on pool: ThreadPool
) {
  precondition(statistics.count == 2 * batch.tokenCount * inputs.headCount && upstream.count == inputs.queries.count)
  let statistics = SoftmaxStatistics(matrix: statistics)
  for phase in 0..<blockCount(batch.longest) {
    let work = AttentionWork(batch, inputs.headCount) { _, blocks in 0..<(phase < blocks.rows ? blocks.keys : 0) }
    pool.forEachBlock(work.units.count) { index in
      let unit = work.units[index]
      let head = AttentionHead(
        batch, headCount: inputs.headCount, text: unit.text, head: unit.head, dropout: dropout, layer: layer)
      pullBack(
        upstream, head, keyBlock: unit.block, phase: phase, inputs, dropout, output: output, statistics,
        into: gradients)
    }
  }
}

/// What one block of keys and the block of rows that it meets in a phase add to each other's gradients.
private func pullBack(
  _ upstream: Matrix, _ head: AttentionHead, keyBlock: Int, phase: Int, _ inputs: AttentionInputs, _ dropout: Dropout,
  output: Matrix, _ statistics: SoftmaxStatistics, into gradients: AttentionInputs
) {
  let rowBlock = (keyBlock + phase) % head.rowBlockCount
  let (rows, keys) = (head.rowBlock(rowBlock), head.keyBlock(keyBlock))
  let (upstream, outputs) = (head.columns(upstream, rows), head.columns(output, rows))
  let queries = head.columns(inputs.queries, rows)
  let keyColumns = head.columns(inputs.keys, keys)
  withTwoBlocks(rows: rows.count, columns: keys.count) { p, d in
    smallProduct(queries, keyColumns, transposing: .right, scale: inputs.scale, into: p)
    smallProduct(upstream, head.columns(inputs.values, keys), transposing: .right, into: d)
    for row in 0..<rows.count {
      let (largest, inverse) = statistics.get(rows.lowerBound + row, of: head)
      softmaxBackward(
        p.row(row), d.row(row), keys.count, largest: largest, inverse: inverse, scale: inputs.scale,
        projection: product(upstream.row(row), outputs.row(row), outputs.columns),
        head.mask(row: rows.lowerBound + row, firstKey: keys.lowerBound), kept: dropout.scale)
    }
    // Which phase is the first to reach a block of rows: those that are no keys start later.
    let isFirstForRows = phase == max(0, rowBlock - head.keyBlockCount + 1)
    smallProduct(p, upstream, transposing: .left, adding: phase > 0, into: head.columns(gradients.values, keys))
    smallProduct(d, keyColumns, adding: !isFirstForRows, into: head.columns(gradients.queries, rows))
    smallProduct(d, queries, transposing: .left, adding: phase > 0, into: head.columns(gradients.keys, keys))
  }
  if phase == 0 && keyBlock == head.keyBlockCount - 1 { clearUnasked(head, gradients) }
}

/// Rows that are no keys have no gradient as keys and values.
private func clearUnasked(_ head: AttentionHead, _ gradients: AttentionInputs) {
  for matrix in [gradients.keys, gradients.values] {
    let block = head.columns(matrix, head.keys..<head.rows)
    for row in 0..<block.rows { block.row(row).update(repeating: 0, count: block.columns) }
  }
}

/// What the threads share out: blocks of heads of texts.
private struct AttentionWork {
  private(set) var units: [(text: Int, head: Int, block: Int)] = []

  /// - Parameter blocks: which blocks of a text, given how many its rows and its keys have.
  init(_ batch: TokenBatch, _ headCount: Int, _ blocks: (Int, (rows: Int, keys: Int)) -> Range<Int>) {
    for text in 0..<batch.textCount {
      let rows = batch.starts[text + 1] - batch.starts[text]
      let range = blocks(text, (blockCount(rows), blockCount(batch.keyCounts[text])))
      for head in 0..<headCount {
        for block in range { units.append((text, head, block)) }
      }
    }
  }
}

/// Lends each row's largest logit so far, and the sum of what is left of it.
private func withRowSums(
  _ rows: Int, _ body: (_ largest: UnsafeMutablePointer<Float>, _ totals: UnsafeMutablePointer<Float>) -> Void
) {
  withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * rows) { floats in
    floats.baseAddress!.update(repeating: -.infinity, count: rows)
    body(floats.baseAddress!, floats.baseAddress! + rows)
  }
}

/// `row = mask ∘ exp(row − largest)`, in place, the mask's scale left out; gives Σ exp(row − largest), dropped ones too.
@inline(__always)
private func softmaxTerms(
  _ row: UnsafeMutablePointer<Float>, _ count: Int, _ largest: Float, _ mask: DropoutMask
) -> Float {
  var sum: Float = 0
  if mask.dropsNothing {
    for i in 0..<count {
      let e = exponential(row[i] - largest)
      row[i] = e
      sum = Relaxed.sum(sum, e)
    }
  } else {
    for i in 0..<count {
      let e = exponential(row[i] - largest)
      row[i] = mask.keeps(i) ? e : 0
      sum = Relaxed.sum(sum, e)
    }
  }
  return sum
}

/// From logits `p` and gradients `d` of dropped probabilities: `p` becomes the dropped probabilities, `d` ∂loss/∂(Q Kᵀ).
///
/// ∂loss/∂logit = p (∂loss/∂p − projection), with the projection Σ p ∂loss/∂p over the whole row.
@inline(__always)
private func softmaxBackward(
  _ p: UnsafeMutablePointer<Float>, _ d: UnsafeMutablePointer<Float>, _ count: Int, largest: Float, inverse: Float,
  scale: Float, projection: Float, _ mask: DropoutMask, kept: Float
) {
  if mask.dropsNothing {
    for i in 0..<count {
      let probability = exponential(p[i] - largest) * inverse
      p[i] = probability
      d[i] = probability * (d[i] - projection) * scale
    }
  } else {
    for i in 0..<count {
      let probability = exponential(p[i] - largest) * inverse
      let factor = mask.keeps(i) ? kept : 0
      d[i] = probability * (d[i] * factor - projection) * scale
      p[i] = probability * factor
    }
  }
}

@inline(__always)
private func product(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
  var sum: Float = 0
  for i in 0..<count { sum = Relaxed.multiplyAdd(a[i], b[i], sum) }
  return sum
}

@inline(__always)
private func scaleRow(_ row: UnsafeMutablePointer<Float>, _ count: Int, by factor: Float) {
  for i in 0..<count { row[i] *= factor }
}
