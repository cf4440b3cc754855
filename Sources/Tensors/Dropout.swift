/// Where a text stands in the global batch: what dropout depends on instead of rank, chunk or row.
package struct Place: Sendable, Equatable, BitwiseCopyable {
  /// The query's position in the global batch.
  package let slot: Int
  /// 0 the query itself, 1 + k its document k.
  package let text: Int

  package init(slot: Int, text: Int) {
    self.slot = slot
    self.text = text
  }
}

/// Dropout as a function of (seed, step, place, layer, site, token, feature): nothing is stored, any pass can repeat it.
package struct Dropout: Sendable, Equatable {
  package let rate: Float
  package let seed: UInt64
  package let step: Int

  /// `rate` in [0, 1): the share of elements that become zero.
  package init(rate: Float, seed: UInt64, step: Int) {
    precondition(rate >= 0 && rate < 1, "a dropout rate of \(rate)")
    self.rate = rate
    self.seed = seed
    self.step = step
  }

  /// Kept elements are scaled by this, so that the expectation stays.
  var scale: Float { 1 / (1 - rate) }

  /// An element is dropped when its 32 random bits are below this.
  var threshold: UInt32 { UInt32(Double(rate) * 4_294_967_296) }

  /// The key of one token's features at one site of one layer.
  func key(_ place: Place, layer: Int, site: DropoutSite, token: Int) -> DropoutKey {
    tokens(of: place, layer: layer, site: site).key(token: token)
  }

  /// What a text's tokens have in common at one site of one layer.
  func tokens(of place: Place, layer: Int, site: DropoutSite) -> TokenDropouts {
    var state = mixed(seed ^ 0x9E37_79B9_7F4A_7C15)
    for part in [step, place.slot, place.text, layer, Int(site.rawValue)] { state = mixed(state, part) }
    return TokenDropouts(state: state, threshold: threshold)
  }
}

/// The places in an encoder where elements drop.
package enum DropoutSite: UInt8, Sendable {
  case embeddings, probabilities, attention, feedForward
}

/// A text's dropout at one site of one layer: every token's follows from it.
struct TokenDropouts: BitwiseCopyable {
  fileprivate let state: UInt64
  fileprivate let threshold: UInt32

  func key(token: Int) -> DropoutKey {
    let state = mixed(state, token)
    return DropoutKey(low: UInt32(truncatingIfNeeded: state), high: UInt32(truncatingIfNeeded: state >> 32))
  }

  func mask(token: Int, firstFeature: Int) -> DropoutMask {
    DropoutMask(
      key: key(token: token), threshold: threshold, firstFeature: UInt32(truncatingIfNeeded: firstFeature))
  }
}

/// Which of a token's features stay, from one feature on.
struct DropoutMask: BitwiseCopyable {
  fileprivate let key: DropoutKey
  fileprivate let threshold: UInt32
  fileprivate let firstFeature: UInt32

  var dropsNothing: Bool { threshold == 0 }

  @inline(__always)
  func keeps(_ i: Int) -> Bool { key.bits(firstFeature &+ UInt32(truncatingIfNeeded: i)) >= threshold }
}

/// 64 bits that stand for a row; each feature's bits follow from it.
struct DropoutKey: BitwiseCopyable {
  let low: UInt32
  let high: UInt32

  /// 32 random bits of `feature`. Two rounds of a 32-bit finaliser, so that loops over features vectorise.
  /// Source of the constants: Wellons, "Prospecting for Hash Functions" (lowbias32).
  @inline(__always)
  func bits(_ feature: UInt32) -> UInt32 {
    var x = (feature &* 0x9E37_79B9) ^ low
    x = (x ^ (x &>> 16)) &* 0x7FEB_352D
    x = (x ^ (x &>> 15)) &* 0x846C_A68B
    x = (x ^ (x &>> 16)) ^ high
    x = (x ^ (x &>> 16)) &* 0x7FEB_352D
    return x ^ (x &>> 15)
  }

  /// Multiplies `row` by the mask and the scale, in place.
  @inline(__always)
  func apply(_ dropout: Dropout, to row: UnsafeMutablePointer<Float>, count: Int, firstFeature: Int = 0) {
    let (threshold, scale) = (dropout.threshold, dropout.scale)
    for i in 0..<count {
      row[i] *= bits(UInt32(truncatingIfNeeded: firstFeature &+ i)) >= threshold ? scale : 0
    }
  }
}

/// The state of a generator that has taken in one more number.
@inline(__always)
private func mixed(_ state: UInt64, _ part: Int) -> UInt64 {
  mixed(state &+ 0x9E37_79B9_7F4A_7C15 ^ UInt64(truncatingIfNeeded: part))
}

/// SplitMix64's finaliser.
@inline(__always)
private func mixed(_ value: UInt64) -> UInt64 {
  var z = value
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return z ^ (z >> 31)
}

/// Drops features of every row of a batch, in place: forward and, on the upstream gradient, backward.
package func applyDropout(
  _ dropout: Dropout, to rows: Matrix, of batch: TokenBatch, layer: Int, site: DropoutSite, on pool: ThreadPool
) {
  precondition(rows.rows == batch.tokenCount, "\(rows.rows) rows for \(batch.tokenCount) tokens")
  guard dropout.rate > 0 else { return }
  pool.forEachBlock(batch.textCount) { sequence in
    let start = batch.starts[sequence]
    for row in start..<batch.starts[sequence + 1] {
      dropout.key(batch.places[sequence], layer: layer, site: site, token: row - start)
        .apply(dropout, to: rows.base + row * rows.columns, count: rows.columns)
    }
  }
}
