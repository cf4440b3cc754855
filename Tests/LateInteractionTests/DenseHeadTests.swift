import LateInteraction
import TestSupport
import Tensors
import Testing

@Suite struct DenseHeadTests {
  /// The first tokens' hidden states brought to length 1, and the slope of that; other tokens have no part in it.
  @Test func isTheFirstTokenAndPullsBack() {
    var numbers = TestNumbers(seed: 4)
    let hidden = TestMatrix(rows: 9, columns: 5, &numbers)
    let upstream = TestMatrix(rows: 3, columns: 5, &numbers)
    let start = TestMatrix(rows: 9, columns: 5, &numbers)
    var batch = TokenBatch()
    for (i, length) in [4, 1, 4].enumerated() {
      batch.append(
        Array(repeating: 7, count: length), keyCount: length, givesVector: Array(repeating: false, count: length),
        place: Place(slot: i, text: 0))
    }
    let head = DenseHead(on: ThreadPool(threadCount: 2))
    let (gradient, scratch) = (TestMatrix(copying: start), TestMatrix(copying: upstream))
    let vectors = head.forward(hidden.matrix, batch).values
    head.backward(scratch.matrix, batch, into: gradient.matrix)
    var expected = start.doubles
    for (text, token) in [0, 4, 5].enumerated() {
      #expect(worstError(Array(vectors[text * 5..<text * 5 + 5]), naiveNormalized(hidden.row(token))) < 5e-7)
      let slopes = pullback(upstream.row(text), at: hidden.row(token), through: naiveNormalized)
      for (i, slope) in slopes.enumerated() { expected[token * 5 + i] += slope }
    }
    #expect(worstError(gradient.values, expected) < 1e-6)
  }
}
