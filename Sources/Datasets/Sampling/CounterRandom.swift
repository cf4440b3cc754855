/// Random numbers that are a function of what they are for: no state to store, none to share.
///
/// Each word of (seed, epoch, purpose, counters) is folded in by the finaliser of SplitMix64 (Steele, Lea and Flood,
/// "Fast splittable pseudorandom number generators", 2014), so neighbouring counters give unrelated bits.
package struct CounterRandom: Sendable {
  package enum Purpose: UInt64, Sendable {
    case order = 1, positive, negatives, mining, bootstrap, signs, randomNegatives, fileOrder, batches
  }

  private let key: UInt64

  package init(seed: UInt64, epoch: Int, purpose: Purpose) {
    key = Self.fold(Self.fold(Self.fold(0, seed), UInt64(epoch)), purpose.rawValue)
  }

  /// The same for one of many things, each with counters of its own.
  func keyed(by thing: Int) -> CounterRandom { CounterRandom(key: Self.fold(key, UInt64(thing))) }

  private init(key: UInt64) { self.key = key }

  /// 64 random bits for the counters `a` and `b`.
  package func bits(_ a: UInt64, _ b: UInt64) -> UInt64 { Self.fold(Self.fold(key, a), b) }

  /// A number in `0..<bound`. Its bias is below `bound` / 2⁶⁴.
  package func number(below bound: Int, _ a: Int, _ b: Int) -> Int {
    Int(bits(UInt64(a), UInt64(b)).multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// Adds SplitMix64's increment after `word`, so that zeros are mixed too.
  private static func fold(_ state: UInt64, _ word: UInt64) -> UInt64 {
    var z = (state ^ word) &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
