import TestSupport

@testable import Tensors

/// Random queries, keys, values and upstream of a batch of texts.
final class AttentionExample {
  let texts: [AttentionText]
  let headCount: Int
  let headWidth: Int
  let dropout: Dropout
  let batch: TokenBatch
  let queries: TestMatrix
  let keys: TestMatrix
  let values: TestMatrix
  let upstream: TestMatrix
  /// Where the texts stand in the global batch.
  private let slots: [Int]

  convenience init(_ texts: [AttentionText], headCount: Int, headWidth: Int, rate: Float) {
    var numbers = TestNumbers(seed: UInt64(headWidth))
    let rows = texts.map(\.rows).reduce(0, +)
    let matrices = (0..<4).map { _ in TestMatrix(rows: rows, columns: headCount * headWidth, &numbers) }
    self.init(texts, slots: Array(texts.indices), matrices, headCount: headCount, rate: rate)
  }

  private init(_ texts: [AttentionText], slots: [Int], _ matrices: [TestMatrix], headCount: Int, rate: Float) {
    self.texts = texts
    self.slots = slots
    self.headCount = headCount
    headWidth = matrices[0].matrix.columns / headCount
    dropout = Dropout(rate: rate, seed: 3, step: 4)
    (queries, keys, values, upstream) = (matrices[0], matrices[1], matrices[2], matrices[3])
    var batch = TokenBatch()
    for (text, slot) in zip(texts, slots) {
      batch.append(
        [Int32](repeating: 0, count: text.rows), keyCount: text.keys,
        givesVector: [Bool](repeating: true, count: text.rows), place: Place(slot: slot, text: 1))
    }
    self.batch = batch
  }

  /// The same text at the same place of the global batch, alone in its chunk.
  func only(_ text: Int) -> AttentionExample {
    let rows = batch.starts[text]..<batch.starts[text + 1]
    let cut = [queries, keys, values, upstream].map {
      TestMatrix($0.matrix.rows(rows).values, rows: rows.count, columns: $0.matrix.columns)
    }
    return AttentionExample([texts[text]], slots: [slots[text]], cut, headCount: headCount, rate: dropout.rate)
  }

  /// The output, ∂Q, ∂K and ∂V.
  func run(threads: Int) -> [[Float]] {
    let pool = ThreadPool(threadCount: threads)
    let (rows, columns) = (batch.tokenCount, headCount * headWidth)
    let inputs = AttentionInputs(
      queries: queries.matrix, keys: keys.matrix, values: values.matrix, headCount: headCount)
    let statistics = TestMatrix(zeros: rows, 2 * headCount)
    // What is overwritten starts as garbage.
    let results = (0..<4).map { _ in
      TestMatrix([Float](repeating: .nan, count: rows * columns), rows: rows, columns: columns)
    }
    attention(
      inputs, batch, dropout: dropout, layer: 2, statistics: statistics.matrix, into: results[0].matrix, on: pool)
    attentionBackward(
      upstream.matrix, inputs, batch, dropout: dropout, layer: 2, output: results[0].matrix,
      statistics: statistics.matrix,
      into: AttentionInputs(
        queries: results[1].matrix, keys: results[2].matrix, values: results[3].matrix, headCount: headCount),
      on: pool)
    return results.map(\.values)
  }

  /// The output of a forward that keeps nothing for a backward.
  func runForwardAlone(threads: Int) -> [Float] {
    let inputs = AttentionInputs(
      queries: queries.matrix, keys: keys.matrix, values: values.matrix, headCount: headCount)
    let output = TestMatrix(zeros: batch.tokenCount, headCount * headWidth)
    attention(
      inputs, batch, dropout: dropout, layer: 2, statistics: nil, into: output.matrix,
      on: ThreadPool(threadCount: threads))
    return output.values
  }

  /// One head's columns of one text's rows.
  func cut(_ matrix: [Float], _ text: Int, _ head: Int) -> [Float] {
    (batch.starts[text]..<batch.starts[text + 1]).flatMap { row in
      (0..<headWidth).map { matrix[(row * headCount + head) * headWidth + $0] }
    }
  }

  /// Every text's and head's mask `[rows × keys]`: with key i's value the i-th unit vector, the output is the dropped
  /// probabilities themselves; with queries of zero, these are the mask divided by the number of keys.
  func masks() -> [[[Double]]] {
    let width = texts.map(\.rows).max()!
    let values = TestMatrix(zeros: batch.tokenCount, headCount * width)
    for text in texts.indices {
      for row in 0..<texts[text].rows {
        for head in 0..<headCount { values.matrix[batch.starts[text] + row, head * width + row] = 1 }
      }
    }
    let zeros = (0..<2).map { _ in TestMatrix(zeros: batch.tokenCount, headCount * width) }
    let example = AttentionExample(
      texts, slots: slots, [zeros[0], zeros[1], values, zeros[0]], headCount: headCount, rate: dropout.rate)
    let output = example.run(threads: 1)[0]
    return texts.enumerated().map { text, shape in
      (0..<headCount).map { head in
        let dropped = example.cut(output, text, head)
        return (0..<shape.rows).flatMap { row in
          (0..<shape.keys).map { dropped[row * width + $0] == 0 ? 0 : Double(dropout.scale) }
        }
      }
    }
  }
}
