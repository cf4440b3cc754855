import TestSupport
import Testing

@testable import Tensors

/// A text of the tests' batches: `keys` of its `rows` tokens are asked.
struct AttentionText: Sendable, CustomTestStringConvertible {
  let rows: Int
  let keys: Int

  init(_ rows: Int, _ keys: Int) { (self.rows, self.keys) = (rows, keys) }

  var testDescription: String { "\(keys) of \(rows)" }
}

@Suite struct AttentionTests {
  /// Unequal texts, some with rows that are no keys, one of a single token; around the 16 lanes of a maximum.
  static let batches: [[AttentionText]] = [
    [AttentionText(1, 1)],
    [AttentionText(5, 5), AttentionText(1, 1), AttentionText(9, 4)],
    [AttentionText(17, 16), AttentionText(15, 15), AttentionText(18, 17), AttentionText(3, 1)],
  ]

  @Test(arguments: batches, [(1, 5), (3, 8), (4, 1)])
  func agreesWithTheTwin(texts: [AttentionText], heads: (count: Int, width: Int)) {
    check(AttentionExample(texts, headCount: heads.count, headWidth: heads.width, rate: 0))
  }

  @Test func agreesWithTheTwinAtTheWidthOfRealHeads() {
    check(AttentionExample([AttentionText(7, 5), AttentionText(2, 2)], headCount: 2, headWidth: 32, rate: 0))
    check(AttentionExample([AttentionText(3, 2)], headCount: 2, headWidth: 64, rate: 0))
  }

  /// With dropout on: the same against the twin with the mask that the kernel shows when values are one-hot.
  @Test(arguments: batches, [(1, 5), (3, 8)])
  func agreesWithTheTwinUnderDropout(texts: [AttentionText], heads: (count: Int, width: Int)) {
    check(AttentionExample(texts, headCount: heads.count, headWidth: heads.width, rate: 0.4))
  }

  /// Masks differ between heads, rows and texts, and drop about their share.
  @Test func masksDropTheirShareEverywhere() {
    let texts = [AttentionText(30, 20), AttentionText(30, 20)]
    let masks = AttentionExample(texts, headCount: 3, headWidth: 4, rate: 0.4).masks().flatMap { $0 }
    #expect(Set(masks).count == 6)
    for mask in masks {
      #expect(Set(mask) == [0, Double(1 / 0.6 as Float)])
      // Five standard deviations of 600 draws.
      #expect(abs(Double(mask.count { $0 == 0 }) / 600 - 0.4) < 0.1)
      #expect(Array(mask[..<20]) != Array(mask[20..<40]))
    }
  }

  @Test(arguments: [0, 0.4] as [Float])
  func bitsDependNeitherOnThreadsNorOnOtherTexts(rate: Float) {
    let texts = Self.batches[2]
    let runs = [1, 2, 3].map { AttentionExample(texts, headCount: 3, headWidth: 8, rate: rate).run(threads: $0) }
    for run in runs { #expect(run.map(bits) == runs[0].map(bits)) }
    for threads in [1, 3] {
      let alone = AttentionExample(texts, headCount: 3, headWidth: 8, rate: rate).runForwardAlone(threads: threads)
      #expect(bits(alone) == bits(runs[0][0]), "without a backward")
    }
    let example = AttentionExample(texts, headCount: 3, headWidth: 8, rate: rate)
    for text in texts.indices {
      let here = example.batch.starts[text] * 24..<example.batch.starts[text + 1] * 24
      let alone = example.only(text).run(threads: 2)
      for (one, all) in zip(alone, runs[0]) { #expect(bits(one) == bits(Array(all[here])), "text \(text)") }
    }
  }

  /// Logits as large as a diverging model's neither overflow nor divide by zero.
  @Test func largeLogitsPickTheLargest() {
    let example = AttentionExample([AttentionText(4, 4)], headCount: 1, headWidth: 2, rate: 0)
    example.queries.matrix.assign([1e4, 0, 1e4, 0, 1e4, 0, 1e4, 0])
    example.keys.matrix.assign([-1e4, 0, 1e4, 0, 0, 0, 5e3, 0])
    let results = example.run(threads: 1)
    for row in 0..<4 { #expect(Array(results[0][row * 2..<row * 2 + 2]) == Array(example.values.values[2..<4])) }
    #expect(results[1].map(\.isFinite) == [Bool](repeating: true, count: 8))
  }

  /// Output and all three gradients against the twin, head by head of every text.
  private func check(_ example: AttentionExample) {
    let results = example.run(threads: 2)
    let masks = example.masks()
    for text in example.texts.indices {
      for head in 0..<example.headCount {
        func cut(_ matrix: TestMatrix) -> [Double] { example.cut(matrix.values, text, head).map(Double.init) }
        let (q, k, v) = (cut(example.queries), cut(example.keys), cut(example.values))
        func twin(_ q: [Double], _ k: [Double], _ v: [Double]) -> [Double] {
          naiveAttention(
            queries: q, keys: k, values: v, keyCount: example.texts[text].keys, headWidth: example.headWidth,
            mask: masks[text][head])
        }
        let upstream = cut(example.upstream)
        let expected = [
          twin(q, k, v), pullback(upstream, at: q) { twin($0, k, v) }, pullback(upstream, at: k) { twin(q, $0, v) },
          pullback(upstream, at: v) { twin(q, k, $0) },
        ]
        for ((name, result), twin) in zip(zip(["output", "∂Q", "∂K", "∂V"], results), expected) {
          // Sums of up to 32 products of numbers up to 1 (× 1/0.6 under dropout), a few ulps of the largest.
          #expect(
            largestDifference(example.cut(result, text, head), twin) < 4e-6, "\(name) of text \(text), head \(head)")
        }
      }
    }
  }
}
