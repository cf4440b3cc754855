import TestSupport
import Testing

@testable import Tensors

/// Texts longer than a block of attention, on both sides of each edge, against a backward twin in double: central
/// differences of so many numbers would take hours.
@Suite struct AttentionBlockTests {
  static let texts = [
    AttentionText(attentionBlock - 1, attentionBlock - 1), AttentionText(attentionBlock, attentionBlock),
    AttentionText(attentionBlock + 1, attentionBlock + 1), AttentionText(attentionBlock + 1, attentionBlock),
    AttentionText(2 * attentionBlock + 1, 5), AttentionText(2 * attentionBlock, attentionBlock + 1),
    AttentionText(2 * attentionBlock + 7, 2 * attentionBlock + 1),
  ]

  @Test(arguments: texts, [0, 0.4] as [Float])
  func agreesWithTheTwin(text: AttentionText, rate: Float) {
    check(AttentionExample([AttentionText(3, 2), text], headCount: 2, headWidth: 3, rate: rate), text: 1)
  }

  /// The twin's gradients are its own slopes.
  @Test func theTwinsGradientsAreItsSlopes() {
    let example = AttentionExample([AttentionText(6, 4)], headCount: 1, headWidth: 3, rate: 0.4)
    let (q, k, v) = (example.queries.doubles, example.keys.doubles, example.values.doubles)
    let (upstream, mask) = (example.upstream.doubles, example.masks()[0][0])
    func output(_ q: [Double], _ k: [Double], _ v: [Double]) -> [Double] {
      naiveAttention(queries: q, keys: k, values: v, keyCount: 4, headWidth: 3, mask: mask)
    }
    let twin = naiveAttentionBackward(
      upstream, queries: q, keys: k, values: v, keyCount: 4, headWidth: 3, mask: mask)
    let slopes = [
      pullback(upstream, at: q) { output($0, k, v) }, pullback(upstream, at: k) { output(q, $0, v) },
      pullback(upstream, at: v) { output(q, k, $0) },
    ]
    for (gradient, slope) in zip([twin.queries, twin.keys, twin.values], slopes) {
      // Central differences with steps of 1e-5 are good to about their square.
      #expect(largestDifference(gradient.map { Float($0) }, slope) < 1e-6)
    }
  }

  @Test func bitsDependNeitherOnThreadsNorOnOtherTexts() {
    let texts = [AttentionText(20, 11), Self.texts[6], Self.texts[3], AttentionText(1, 1)]
    let example = AttentionExample(texts, headCount: 3, headWidth: 8, rate: 0.1)
    let runs = [1, 2, 3].map { example.run(threads: $0) }
    for run in runs { #expect(run.map(bits) == runs[0].map(bits)) }
    #expect(bits(example.runForwardAlone(threads: 2)) == bits(runs[0][0]), "without a backward")
    for text in texts.indices {
      let here = example.batch.starts[text] * 24..<example.batch.starts[text + 1] * 24
      for (one, all) in zip(example.only(text).run(threads: 2), runs[0]) {
        #expect(bits(one) == bits(Array(all[here])), "text \(text)")
      }
    }
  }

  /// As long as BGE-M3's longest text: some rows of the output against the twin, and a finite backward.
  @Test func aTextOf8192Tokens() {
    let example = AttentionExample([AttentionText(8_192, 8_192)], headCount: 1, headWidth: 2, rate: 0)
    let results = example.run(threads: 2)
    for row in [0, attentionBlock - 1, attentionBlock, 5_000, 8_191] {
      let twin = naiveAttention(
        queries: Array(example.queries.doubles[row * 2..<row * 2 + 2]), keys: example.keys.doubles,
        values: example.values.doubles, keyCount: 8_192, headWidth: 2, mask: [Double](repeating: 1, count: 8_192))
      #expect(largestDifference(Array(results[0][row * 2..<row * 2 + 2]), twin) < bound(terms: 8_192), "row \(row)")
    }
    for gradient in results[1...] { #expect(gradient.allSatisfy { $0.isFinite }) }
  }

  /// Rounding of a sum of so many terms whose sizes add up to no more than about 4, each good to 2 ulps, added in blocks.
  private func bound(terms: Int) -> Double {
    4 * Double(2 + attentionBlock + terms / attentionBlock) * 0x1p-24
  }

  private func check(_ example: AttentionExample, text: Int) {
    let results = example.run(threads: 2)
    let masks = example.masks()
    let shape = example.texts[text]
    for head in 0..<example.headCount {
      func cut(_ matrix: TestMatrix) -> [Double] { example.cut(matrix.values, text, head).map(Double.init) }
      let (q, k, v) = (cut(example.queries), cut(example.keys), cut(example.values))
      let mask = masks[text][head]
      let output = naiveAttention(
        queries: q, keys: k, values: v, keyCount: shape.keys, headWidth: example.headWidth, mask: mask)
      let gradients = naiveAttentionBackward(
        cut(example.upstream), queries: q, keys: k, values: v, keyCount: shape.keys, headWidth: example.headWidth,
        mask: mask)
      let twins = [output, gradients.queries, gradients.keys, gradients.values]
      for ((name, result), twin) in zip(zip(["output", "∂Q", "∂K", "∂V"], results), twins) {
        // Five keys share the gradients of all rows, so sizes add up to as many fifths.
        let size = max(1, twin.map(abs).max() ?? 0)
        let difference = largestDifference(example.cut(result, text, head), twin)
        #expect(difference < bound(terms: shape.rows) * size, "\(name), head \(head)")
      }
    }
  }
}
