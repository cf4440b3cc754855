/// A random order of `0..<count`, computed place by place: no list of all rows is made or kept.
///
/// A Feistel network permutes the next power of two; a value that falls outside is sent through again until it is inside
/// (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002; fewer than two passes on average).
struct Permutation: Sendable {
  /// Tiny domains mix slowly: with 12 rounds some orders of 7 rows come up far too often, with 24 a χ² test finds none.
  private static let rounds: UInt64 = 32

  private let count: UInt64
  private let random: CounterRandom
  private let lowBits: UInt64
  private let lowMask: UInt64
  private let highMask: UInt64

  init(count: Int, random: CounterRandom) {
    precondition(count > 0, "no order of \(count) rows")
    self.count = UInt64(count)
    self.random = random
    let bits = UInt64(UInt64.bitWidth - (self.count - 1).leadingZeroBitCount)
    lowBits = (bits + 1) / 2
    lowMask = (1 << lowBits) - 1
    highMask = (1 << (bits - lowBits)) - 1
  }

  /// What stands at `place`.
  subscript(place: Int) -> Int {
    var value = UInt64(place)
    precondition(value < count, "place \(place) of \(count)")
    repeat { value = scrambled(value) } while value >= count
    return Int(value)
  }

  /// `value` in another place of the power of two. Each round changes one half by a function of the other: a bijection.
  private func scrambled(_ value: UInt64) -> UInt64 {
    var low = value & lowMask
    var high = value >> lowBits
    for round in 0..<Self.rounds {
      if round.isMultiple(of: 2) {
        low ^= random.bits(round, high) & lowMask
      } else {
        high ^= random.bits(round, low) & highMask
      }
    }
    return high << lowBits | low
  }
}
