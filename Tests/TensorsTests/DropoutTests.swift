import TestSupport
import Testing

@testable import Tensors

@Suite struct DropoutTests {
  static let rates: [Float] = [0.1, 0.5, 0.9]

  @Test(arguments: rates)
  func dropsItsShareAndScalesTheRest(rate: Float) {
    let kept = mask(rate: rate, tokens: 500, width: 384)
    #expect(Set(kept) == [0, 1 / (1 - rate)])
    let count = Double(kept.count)
    let share = Double(kept.count { $0 == 0 }) / count
    // Five standard deviations of a binomial share.
    #expect(abs(share - Double(rate)) < 5 * (Double(rate) * Double(1 - rate) / count).squareRoot())
    let mean = kept.reduce(0.0) { $0 + Double($1) } / count
    #expect(abs(mean - 1) < 5 * (Double(rate) / Double(1 - rate) / count).squareRoot())
  }

  @Test func rateZeroLeavesTheBits() {
    var numbers = TestNumbers(seed: 1)
    let rows = TestMatrix(rows: 7, columns: 33, &numbers)
    rows.matrix[0, 0] = -0.0
    let before = bits(rows.values)
    applyDropout(
      Dropout(rate: 0, seed: 1, step: 2), to: rows.matrix, of: texts([(0, 0, 7)]), layer: 0, site: .attention,
      on: ThreadPool(threadCount: 2))
    #expect(bits(rows.values) == before)
  }

  /// The same text has the same mask wherever its rows lie, at any number of threads.
  @Test func dependsOnThePlaceNotOnTheRow() {
    let all = [(3, 0, 5), (3, 1, 9), (4, 0, 1), (4, 1, 40), (4, 2, 17)]
    let alone = all.map { mask(texts: [$0]) }
    for threads in [1, 2, 3] { #expect(mask(texts: all, threads: threads) == alone.flatMap { $0 }) }
    #expect(mask(texts: all.reversed()) == alone.reversed().flatMap { $0 })
    // A longer text's first tokens have the mask of the shorter one.
    #expect(Array(mask(texts: [(3, 1, 20)]).prefix(alone[1].count)) == alone[1])
  }

  /// Backward repeats forward: the mask does not depend on the values.
  @Test func theMaskIsTheSameForAnyValues() {
    var numbers = TestNumbers(seed: 2)
    let rows = TestMatrix(rows: 30, columns: 48, &numbers)
    let before = rows.values
    applyDropout(
      Dropout(rate: 0.3, seed: 1, step: 1), to: rows.matrix, of: texts([(0, 0, 30)]), layer: 2, site: .feedForward,
      on: ThreadPool(threadCount: 1))
    let ones = mask(rate: 0.3, layer: 2, site: .feedForward, tokens: 30, width: 48)
    #expect(rows.values == zip(before, ones).map(*))
  }

  /// Two masks that differ in one coordinate agree as often as chance has it.
  @Test func everyCoordinateMatters() {
    let base = Coordinates()
    var others: [(String, Coordinates)] = []
    for delta in [1, 2, 256, 65_536] {
      others += [
        ("seed", base.with { $0.seed += UInt64(delta) }), ("step", base.with { $0.step += delta }),
        ("slot", base.with { $0.slot += delta }), ("text", base.with { $0.text += delta }),
        ("layer", base.with { $0.layer += delta }),
      ]
    }
    for site: DropoutSite in [.embeddings, .probabilities, .feedForward] {
      others.append(("site", base.with { $0.site = site }))
    }
    // Coordinates that a careless mixture would confuse.
    others += [
      ("step and slot exchanged", base.with { ($0.step, $0.slot) = ($0.slot, $0.step) }),
      ("layer and text exchanged", base.with { ($0.layer, $0.text) = ($0.text, $0.layer) }),
      ("layer −1", base.with { $0.layer = -1 }),
    ]
    let first = base.mask()
    for (name, other) in others { #expect(abs(correlation(first, other.mask())) < 0.03, "another \(name)") }
  }

  @Test func neighboursAreNotCorrelated() {
    let (tokens, width) = (512, 256)
    let kept = mask(rate: 0.5, tokens: tokens, width: width)
    for distance in [1, 2, 3, 4, 8, 16, 32, 64, 128] {
      let features = (0..<tokens).flatMap { token in
        (0..<width - distance).map { (kept[token * width + $0], kept[token * width + $0 + distance]) }
      }
      #expect(abs(correlation(features.map(\.0), features.map(\.1))) < 0.02, "features \(distance) apart")
      let rows = distance * width
      #expect(abs(correlation(Array(kept.dropLast(rows)), Array(kept[rows...]))) < 0.02, "tokens \(distance) apart")
    }
  }

  /// χ² of the low, middle and high bytes of the bits over tokens and features; 255 degrees, σ = 22.6.
  @Test(arguments: [0, 8, 16, 24])
  func bytesAreUniform(shift: UInt32) {
    var counts = [Double](repeating: 0, count: 256)
    let dropout = Dropout(rate: 0.1, seed: 7, step: 3)
    for token in 0..<200 {
      let key = dropout.key(Place(slot: 1, text: 1), layer: 0, site: .attention, token: token)
      for feature in 0..<512 { counts[Int(key.bits(UInt32(feature)) >> shift & 255)] += 1 }
    }
    let expected = 200.0 * 512 / 256
    let chiSquare = counts.map { ($0 - expected) * ($0 - expected) / expected }.reduce(0, +)
    #expect(chiSquare > 255 - 5 * 22.6 && chiSquare < 255 + 5 * 22.6)
  }

  /// Dropped shares per feature (over tokens) and per token (over features) scatter as independent draws do.
  @Test func noFeatureAndNoTokenIsFavoured() {
    let (tokens, width) = (1_000, 384)
    let kept = mask(rate: 0.1, tokens: tokens, width: width)
    var (byFeature, byToken) = ([Double](repeating: 0, count: width), [Double](repeating: 0, count: tokens))
    for i in kept.indices where kept[i] == 0 {
      byFeature[i % width] += 1
      byToken[i / width] += 1
    }
    for (counts, draws) in [(byFeature, tokens), (byToken, width)] {
      let variance = Double(draws) * 0.1 * 0.9
      let ratio =
        counts.map { ($0 - Double(draws) * 0.1) * ($0 - Double(draws) * 0.1) }.reduce(0, +)
        / variance / Double(counts.count)
      #expect(abs(ratio - 1) < 5 * (2 / Double(counts.count)).squareRoot())
    }
  }
}

/// All that a mask depends on beside token and feature.
private struct Coordinates {
  var (seed, step, slot, text, layer, site) = (11 as UInt64, 5, 3, 1, 2, DropoutSite.attention)

  func with(_ change: (inout Coordinates) -> Void) -> Coordinates {
    var copy = self
    change(&copy)
    return copy
  }

  func mask() -> [Float] {
    applied(
      Dropout(rate: 0.5, seed: seed, step: step), texts([(slot, text, 64)]), width: 512, layer: layer, site: site)
  }
}

private func mask(
  rate: Float, layer: Int = 0, site: DropoutSite = .attention, tokens: Int, width: Int
) -> [Float] {
  applied(Dropout(rate: rate, seed: 1, step: 1), texts([(0, 0, tokens)]), width: width, layer: layer, site: site)
}

private func mask(texts list: [(slot: Int, text: Int, tokens: Int)], threads: Int = 1) -> [Float] {
  applied(
    Dropout(rate: 0.4, seed: 9, step: 8), texts(list), width: 50, layer: 1, site: .embeddings, threads: threads)
}

/// Dropout of ones.
private func applied(
  _ dropout: Dropout, _ batch: TokenBatch, width: Int, layer: Int, site: DropoutSite, threads: Int = 1
) -> [Float] {
  let count = batch.tokenCount * width
  let rows = TestMatrix([Float](repeating: 1, count: count), rows: batch.tokenCount, columns: width)
  applyDropout(dropout, to: rows.matrix, of: batch, layer: layer, site: site, on: ThreadPool(threadCount: threads))
  return rows.values
}

private func texts(_ list: [(slot: Int, text: Int, tokens: Int)]) -> TokenBatch {
  var batch = TokenBatch()
  for (slot, text, tokens) in list {
    batch.append(
      [Int32](repeating: 0, count: tokens), keyCount: tokens, givesVector: [Bool](repeating: true, count: tokens),
      place: Place(slot: slot, text: text))
  }
  return batch
}

private func correlation(_ a: [Float], _ b: [Float]) -> Double {
  let (meanA, meanB) = (a.reduce(0, +) / Float(a.count), b.reduce(0, +) / Float(b.count))
  var (ab, aa, bb) = (0.0, 0.0, 0.0)
  for (x, y) in zip(a, b) {
    ab += Double((x - meanA) * (y - meanB))
    aa += Double((x - meanA) * (x - meanA))
    bb += Double((y - meanB) * (y - meanB))
  }
  return ab / (aa * bb).squareRoot()
}
