import TestSupport
import Testing

@testable import Tensors

@Suite struct EmbeddingTests {
  /// Around the 64 columns that a thread takes in the backward pass; BERT's rules and XLM-R's.
  @Test(
    arguments: [1, 63, 64, 65, 130],
    [
      EmbeddingRules(positionOffset: 0, padding: 4), EmbeddingRules(positionOffset: 2, padding: 1),
    ])
  func looksUpAndPullsBack(width: Int, rules: EmbeddingRules) {
    var numbers = TestNumbers(seed: UInt64(width))
    let words = TestMatrix(rows: 11, columns: width, &numbers)
    let positions = TestMatrix(rows: 9 + rules.positionOffset, columns: width, &numbers)
    let types = TestMatrix(rows: 2, columns: width, &numbers)
    // Ids repeat within and across texts; the longest text needs the last position; `<pad>` is spelt in two of them.
    let batch = batch([[3, 3, 0], [10], [3, 1, 2, 3, 4, 10, 3, 0, 3], [3, 1, 1, 4, 2]])
    let places =
      rules.positionOffset == 0
      ? [0, 1, 2, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4] : [2, 3, 4, 2, 2, 1, 3, 4, 5, 6, 7, 8, 9, 2, 1, 1, 3, 4]
    let output = TestMatrix(zeros: batch.tokenCount, width)
    embed(
      batch, words: words.matrix, positions: positions.matrix, types: types.matrix, rules: rules, into: output.matrix,
      on: ThreadPool(threadCount: 2))

    let upstream = TestMatrix(rows: batch.tokenCount, columns: width, &numbers)
    // The gradients add to what is there: here the tables' own values; the words' are opened empty.
    var sums = [positions.doubles, types.doubles, zeros(11, width)].map { $0.map(BoundedSum.init) }
    for (row, place) in places.enumerated() {
      let id = Int(batch.ids[row])
      let expected = (0..<width).map { i in
        [positions.row(place)[i], types.row(0)[i]].reduce(into: BoundedSum(words.row(id)[i])) { $0 += $1 }
      }
      #expect(firstOutside(output.matrix.rows(row..<row + 1).values, expected) == nil)
      for i in 0..<width {
        let dy = upstream.row(row)[i]
        // PyTorch's `padding_idx`: the word's row, and in XLM-R the position's too.
        if rules.positionOffset == 0 || id != rules.padding { sums[0][place * width + i] += dy }
        sums[1][i] += dy
        if id != rules.padding { sums[2][id * width + i] += dy }
      }
    }
    var first: [UInt32] = []
    for threads in [1, 2, 3] {
      let gradients = [TestMatrix(copying: positions), TestMatrix(copying: types), TestMatrix(zeros: 11, width)]
      let rows = RowGradients(rowCount: 11, columns: width)
      rows.open([0, 1, 2, 3, 4, 7, 10])
      embedBackward(
        upstream.matrix, batch, words: rows, positions: gradients[0].matrix, types: gradients[1].matrix, rules: rules,
        on: ThreadPool(threadCount: threads))
      rows.copy(into: gradients[2].matrix)
      for (gradient, expected) in zip(gradients, sums) { #expect(firstOutside(gradient.values, expected) == nil) }
      let now = gradients.flatMap { bits($0.values) }
      if threads == 1 { first = now }
      #expect(now == first, "\(threads) threads")
    }
  }

  private func firstOutside(_ values: [Float], _ expected: [BoundedSum]) -> String? {
    TestSupport.firstOutside(expected.map(\.bound), values, expected.map(\.value))
  }

  @Test func frozenTablesAreLeftAlone() {
    let batch = batch([[1, 0], [1]])
    let upstream = TestMatrix([1, 2, 4], rows: 3, columns: 1)
    let words = RowGradients(rowCount: 3, columns: 1)
    words.open([0, 1])
    let pool = ThreadPool(threadCount: 1)
    let rules = EmbeddingRules(positionOffset: 0, padding: 2)
    embedBackward(upstream.matrix, batch, words: words, positions: nil, types: nil, rules: rules, on: pool)
    #expect(words.values.values == [2, 5])
    let positions = TestMatrix(zeros: 2, 1)
    embedBackward(upstream.matrix, batch, words: nil, positions: positions.matrix, types: nil, rules: rules, on: pool)
    #expect(positions.values == [5, 2])
    embedBackward(upstream.matrix, batch, words: nil, positions: nil, types: nil, rules: rules, on: pool)
  }

  private func zeros(_ rows: Int, _ columns: Int) -> [Double] { [Double](repeating: 0, count: rows * columns) }

  private func batch(_ texts: [[Int32]]) -> TokenBatch {
    var batch = TokenBatch()
    for (slot, ids) in texts.enumerated() {
      batch.append(
        ids, keyCount: ids.count, givesVector: ids.map { _ in true }, place: Place(slot: slot, text: 0))
    }
    return batch
  }
}

/// A sum of floats, exact as far as doubles go, and how far from it one that was rounded after every addition may be.
private struct BoundedSum {
  private(set) var value: Double
  private var magnitudes: Double
  private var additions = 0

  init(_ first: Double) {
    value = first
    magnitudes = abs(first)
  }

  /// Whatever the order of the additions. To add to zero rounds nothing.
  var bound: Double { rounding(additions) * magnitudes }

  static func += (sum: inout BoundedSum, term: Double) {
    sum.additions += sum.magnitudes == 0 ? 0 : 1
    sum.value += term
    sum.magnitudes += abs(term)
  }
}
