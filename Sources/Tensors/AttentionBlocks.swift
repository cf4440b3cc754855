/// The most rows, and the most keys, that attention takes at once.
///
/// Documents of 180 tokens, the usual limit, are one block; two blocks of products (295 KB) stay in a core's second cache.
let attentionBlock = 192

/// How many floats a thread needs at most beside what attention reads and writes.
///
/// - Parameter mostPairs: tokens · keys of the text that has most.
package func attentionScratchFloats(mostPairs: Int) -> Int { 2 * min(mostPairs, attentionBlock * attentionBlock) }

/// One head of one text: `rows` tokens that ask, the first `keys` of which answer, in blocks of tokens.
///
/// The blocks depend on the text's own length alone, so its bits do too.
struct AttentionHead {
  let head: Int
  let firstToken: Int
  let rows: Int
  let keys: Int
  private let headCount: Int
  private let dropouts: TokenDropouts

  init(_ batch: TokenBatch, headCount: Int, text: Int, head: Int, dropout: Dropout, layer: Int) {
    self.head = head
    self.headCount = headCount
    firstToken = batch.starts[text]
    rows = batch.starts[text + 1] - firstToken
    keys = batch.keyCounts[text]
    dropouts = dropout.tokens(of: batch.places[text], layer: layer, site: .probabilities)
  }

  var rowBlockCount: Int { blockCount(rows) }
  var keyBlockCount: Int { blockCount(keys) }
  func rowBlock(_ index: Int) -> Range<Int> { block(index, of: rows) }
  func keyBlock(_ index: Int) -> Range<Int> { block(index, of: keys) }

  /// The head's columns of some of the text's tokens, of a matrix `[tokens × heads · head width]`.
  func columns(_ matrix: Matrix, _ tokens: Range<Int>) -> Block {
    let headWidth = matrix.columns / headCount
    let start = (firstToken + tokens.lowerBound) * matrix.columns + head * headWidth
    return Block(base: matrix.base + start, rows: tokens.count, columns: headWidth, stride: matrix.columns)
  }

  /// Which probabilities of a row are dropped, from key `firstKey` on.
  func mask(row: Int, firstKey: Int) -> DropoutMask {
    dropouts.mask(token: row, firstFeature: head * 65_536 + firstKey)
  }
}

/// The row statistics of a batch, `[tokens × 2 · heads]`: each softmax's largest logit, and 1 / Σ exp(logit − largest).
///
/// Two numbers rather than the logarithm of the sum, which would lose as many digits as the logits are large.
struct SoftmaxStatistics {
  let matrix: Matrix

  func set(_ row: Int, of head: AttentionHead, largest: Float, inverse: Float) {
    let place = place(row, head)
    (place[0], place[1]) = (largest, inverse)
  }

  func get(_ row: Int, of head: AttentionHead) -> (largest: Float, inverse: Float) {
    let place = place(row, head)
    return (place[0], place[1])
  }

  private func place(_ row: Int, _ head: AttentionHead) -> UnsafeMutablePointer<Float> {
    matrix.base + (head.firstToken + row) * matrix.columns + 2 * head.head
  }
}

/// Lends two blocks of undefined contents.
func withTwoBlocks(rows: Int, columns: Int, _ body: (Block, Block) -> Void) {
  withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * rows * columns) { floats in
    let base = floats.baseAddress!
    body(
      Block(base: base, rows: rows, columns: columns, stride: columns),
      Block(base: base + rows * columns, rows: rows, columns: columns, stride: columns))
  }
}

func blockCount(_ tokens: Int) -> Int { (tokens + attentionBlock - 1) / attentionBlock }

private func block(_ index: Int, of tokens: Int) -> Range<Int> {
  index * attentionBlock..<min(tokens, (index + 1) * attentionBlock)
}
