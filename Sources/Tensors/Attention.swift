internal import COpenBLAS
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

  var width: Int { queries.columns }
  var headWidth: Int { queries.columns / headCount }
  var scale: Float { 1 / Float(headWidth).squareRoot() }
}

/// How many probabilities a batch has: Σ over texts of heads × tokens × keys.
package func probabilityCount(_ batch: TokenBatch, headCount: Int) -> Int {
  probabilityStarts(batch, headCount).last!
}

/// `output = dropout(softmax(Q Kᵀ / √d)) V`, text by text and head by head: a text never sees another.
///
/// - Parameters:
///   - probabilities: `[1 × probabilityCount]`; receives softmax's values before dropout, for the backward pass. Without
///     one nil: of a text of 8,192 tokens 16 heads would have 4.3 GB.
///   - output: `[tokens × heads · head width]`.
/// - Source: Vaswani et al., "Attention Is All You Need", 2017, equation 1.
package func attention(
  _ inputs: AttentionInputs, _ batch: TokenBatch, dropout: Dropout, layer: Int, probabilities: Matrix?,
  into output: Matrix, on pool: ThreadPool
) {
  let starts = probabilityStarts(batch, inputs.headCount)
  precondition(probabilities?.count ?? starts.last! == starts.last! && output.count == inputs.queries.count)
  forEachHead(batch, inputs.headCount, on: pool) { text, head in
    let shape = HeadShape(batch, inputs, text, head)
    shape.withRoom(probabilities.map { $0.base + starts[text] + head * shape.count }) { p in
      shape.product(inputs.queries, inputs.keys, scale: inputs.scale, into: p)
      for row in 0..<shape.rows { softmax(p + row * shape.keys, shape.keys) }
      shape.withDropped(p, dropout, batch.places[text], layer) { dropped in
        shape.weightedSum(dropped, inputs.values, into: output)
      }
    }
  }
}

/// Pulls `upstream` back through `attention` into ∂loss/∂Q, ∂K, ∂V, which are overwritten.
package func attentionBackward(
  _ upstream: Matrix, _ inputs: AttentionInputs, _ batch: TokenBatch, dropout: Dropout, layer: Int,
  probabilities: Matrix, into gradients: AttentionInputs, on pool: ThreadPool
) {
  let starts = probabilityStarts(batch, inputs.headCount)
  precondition(probabilities.count == starts.last! && upstream.count == inputs.queries.count)
  forEachHead(batch, inputs.headCount, on: pool) { text, head in
    let shape = HeadShape(batch, inputs, text, head)
    let p = probabilities.base + starts[text] + head * shape.count
    shape.withRoom(nil) { d in
      shape.product(upstream, inputs.values, scale: 1, into: d)
      shape.withDropped(p, dropout, batch.places[text], layer) { dropped in
        shape.weightedSumOfRows(dropped, upstream, into: gradients.values)
      }
      shape.drop(d, dropout, batch.places[text], layer)
      for row in 0..<shape.rows {
        softmaxBackward(d + row * shape.keys, p + row * shape.keys, shape.keys, inputs.scale)
      }
      shape.weightedSum(d, inputs.keys, into: gradients.queries)
      shape.weightedSumOfRows(d, inputs.queries, into: gradients.keys)
    }
  }
}

/// One head of one text: `rows` tokens that ask, the first `keys` of which answer.
private struct HeadShape {
  let rows: Int
  let keys: Int
  let head: Int
  let headWidth: Int
  let width: Int
  /// Where the head's columns of the text's first token lie.
  let offset: Int

  init(_ batch: TokenBatch, _ inputs: AttentionInputs, _ text: Int, _ head: Int) {
    rows = batch.starts[text + 1] - batch.starts[text]
    keys = batch.keyCounts[text]
    self.head = head
    headWidth = inputs.headWidth
    width = inputs.width
    offset = batch.starts[text] * inputs.width + head * inputs.headWidth
  }

  /// How many probabilities it has.
  var count: Int { rows * keys }

  /// Lends `[rows × keys]`, undefined, unless there is room already.
  func withRoom(_ room: UnsafeMutablePointer<Float>?, _ body: (UnsafeMutablePointer<Float>) -> Void) {
    if let room { return body(room) }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { body($0.baseAddress!) }
  }

  /// `into[rows × keys] = scale · left · rightᵀ`.
  func product(_ left: Matrix, _ right: Matrix, scale: Float, into p: UnsafeMutablePointer<Float>) {
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, blasint(rows), blasint(keys), blasint(headWidth), scale,
      left.base + offset, blasint(width), right.base + offset, blasint(width), 0, p, blasint(keys))
  }

  /// `into[rows × head width] = p · right`.
  func weightedSum(_ p: UnsafePointer<Float>, _ right: Matrix, into output: Matrix) {
    cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows), blasint(headWidth), blasint(keys), 1,
      p, blasint(keys), right.base + offset, blasint(width), 0, output.base + offset, blasint(width))
  }

  /// `into[keys × head width] = pᵀ · right`; rows that are no keys get zeros.
  func weightedSumOfRows(_ p: UnsafePointer<Float>, _ right: Matrix, into output: Matrix) {
    cblas_sgemm(
      CblasRowMajor, CblasTrans, CblasNoTrans, blasint(keys), blasint(headWidth), blasint(rows), 1,
      p, blasint(keys), right.base + offset, blasint(width), 0, output.base + offset, blasint(width))
    for row in keys..<rows { (output.base + offset + row * width).update(repeating: 0, count: headWidth) }
  }

  func drop(_ p: UnsafeMutablePointer<Float>, _ dropout: Dropout, _ place: Place, _ layer: Int) {
    guard dropout.rate > 0 else { return }
    for row in 0..<rows {
      dropout.key(place, layer: layer, site: .probabilities, token: row)
        .apply(dropout, to: p + row * keys, count: keys, firstFeature: head * 65_536)
    }
  }

  /// Lends the dropped probabilities, leaving `p` as it is.
  func withDropped(
    _ p: UnsafeMutablePointer<Float>, _ dropout: Dropout, _ place: Place, _ layer: Int,
    _ body: (UnsafePointer<Float>) -> Void
  ) {
    guard dropout.rate > 0 else { return body(p) }
    withRoom(nil) { copy in
      copy.update(from: p, count: count)
      drop(copy, dropout, place, layer)
      body(copy)
    }
  }
}

private func probabilityStarts(_ batch: TokenBatch, _ headCount: Int) -> [Int] {
  var starts = [0]
  for text in 0..<batch.textCount {
    starts.append(
      starts[text] + headCount * (batch.starts[text + 1] - batch.starts[text]) * batch.keyCounts[text])
  }
  return starts
}

private func forEachHead(_ batch: TokenBatch, _ headCount: Int, on pool: ThreadPool, _ body: (Int, Int) -> Void) {
  pool.forEachBlock(batch.textCount * headCount) { body($0 / headCount, $0 % headCount) }
}

@inline(__always)
private func softmax(_ row: UnsafeMutablePointer<Float>, _ count: Int) {
  let largest = maximumValue(row, count)
  var sum: Float = 0
  for i in 0..<count {
    let e = exponential(row[i] - largest)
    row[i] = e
    sum = Relaxed.sum(sum, e)
  }
  let inverse = 1 / sum
  for i in 0..<count { row[i] *= inverse }
}

/// `d = p ∘ (d − ⟨p, d⟩) · scale`, in place.
@inline(__always)
private func softmaxBackward(_ d: UnsafeMutablePointer<Float>, _ p: UnsafePointer<Float>, _ count: Int, _ scale: Float)
{
  var projection: Float = 0
  for i in 0..<count { projection = Relaxed.multiplyAdd(p[i], d[i], projection) }
  for i in 0..<count { d[i] = p[i] * (d[i] - projection) * scale }
}
