import TestSupport
import Testing

@testable import Tensors

@Suite struct EmbeddingTests {
  /// Around the 64 columns that a thread takes in the backward pass; offsets of BERT and XLM-R.
  @Test(arguments: [1, 63, 64, 65, 130], [0, 2])
  func looksUpAndPullsBack(width: Int, positionOffset: Int) {
    var numbers = TestNumbers(seed: UInt64(width))
    let words = TestMatrix(rows: 11, columns: width, &numbers)
    let positions = TestMatrix(rows: 9 + positionOffset, columns: width, &numbers)
    let types = TestMatrix(rows: 2, columns: width, &numbers)
    // Ids repeat within and across texts; the longest text needs the last position.
    let batch = batch([[3, 3, 0], [10], [3, 1, 2, 3, 4, 10, 3, 0, 3]])
    let output = TestMatrix(zeros: batch.tokenCount, width)
    embed(
      batch, words: words.matrix, positions: positions.matrix, types: types.matrix, positionOffset: positionOffset,
      into: output.matrix, on: ThreadPool(threadCount: 2))

    let upstream = TestMatrix(rows: batch.tokenCount, columns: width, &numbers)
    var (wordSums, positionSums, typeSums) = (words.doubles, positions.doubles, types.doubles)
    for text in 0..<batch.textCount {
      for row in batch.starts[text]..<batch.starts[text + 1] {
        let (id, place) = (Int(batch.ids[row]), row - batch.starts[text] + positionOffset)
        let expected = (0..<width).map { words.row(id)[$0] + positions.row(place)[$0] + types.row(0)[$0] }
        // Two roundings of sums up to 3.
        #expect(largestDifference(output.matrix.rows(row..<row + 1).values, expected) < 2.4e-7)
        for i in 0..<width {
          let dy = upstream.row(row)[i]
          wordSums[id * width + i] += dy
          positionSums[place * width + i] += dy
          typeSums[i] += dy
        }
      }
    }
    // The gradients add to what is there: here the tables' own values.
    var first: [UInt32] = []
    for threads in [1, 2, 3] {
      let gradients = [TestMatrix(copying: words), TestMatrix(copying: positions), TestMatrix(copying: types)]
      embedBackward(
        upstream.matrix, batch, words: gradients[0].matrix, positions: gradients[1].matrix,
        types: gradients[2].matrix, positionOffset: positionOffset, on: ThreadPool(threadCount: threads))
      for (gradient, expected) in zip(gradients, [wordSums, positionSums, typeSums]) {
        #expect(worstError(gradient.values, expected) < 1e-6)
      }
      let now = gradients.flatMap { bits($0.values) }
      if threads == 1 { first = now }
      #expect(now == first, "\(threads) threads")
    }
  }

  @Test func frozenTablesAreLeftAlone() {
    let batch = batch([[1, 0], [1]])
    let upstream = TestMatrix([1, 2, 4], rows: 3, columns: 1)
    let words = TestMatrix(zeros: 2, 1)
    let pool = ThreadPool(threadCount: 1)
    embedBackward(
      upstream.matrix, batch, words: words.matrix, positions: nil, types: nil, positionOffset: 0, on: pool)
    #expect(words.values == [2, 5])
    let positions = TestMatrix(zeros: 2, 1)
    embedBackward(
      upstream.matrix, batch, words: nil, positions: positions.matrix, types: nil, positionOffset: 0, on: pool)
    #expect(positions.values == [5, 2])
    embedBackward(upstream.matrix, batch, words: nil, positions: nil, types: nil, positionOffset: 0, on: pool)
  }

  private func batch(_ texts: [[Int32]]) -> TokenBatch {
    var batch = TokenBatch()
    for (slot, ids) in texts.enumerated() {
      batch.append(
        ids, keyCount: ids.count, givesVector: ids.map { _ in true }, place: Place(slot: slot, text: 0))
    }
    return batch
  }
}
