import TestSupport

/// Test data that is a function of its seed, so that every rank knows what every other brings.
func generator(seed: Int, rank: Int) -> SplitMix { SplitMix(state: UInt64(seed &* 1_000_003 &+ rank)) }

/// Floats of very different size: their sum has other bits in another order.
func wildFloats(_ count: Int, seed: Int, rank: Int) -> [Float] {
  var random = generator(seed: seed, rank: rank)
  return (0..<count).map { _ in
    Float.random(in: -1...1, using: &random)
      * Float(sign: .plus, exponent: .random(in: -9...9, using: &random), significand: 1)
  }
}

/// Small integers: every sum of products of them is exact.
func smallIntegers(_ count: Int, seed: Int, rank: Int) -> [Float] {
  var random = generator(seed: seed, rank: rank)
  return (0..<count).map { _ in Float(Int.random(in: -8...8, using: &random)) }
}

/// Element-wise sum from left to right.
func sum<Number: FloatingPoint>(_ parts: [[Number]]) -> [Number] {
  parts.dropFirst().reduce(parts[0]) { zip($0, $1).map { $0 + $1 } }
}

func dot(_ x: [Float], _ y: [Float]) -> Double { zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) } }

/// How many rows each rank brings, and how wide they are.
struct Rows {
  let counts: [Int]
  let columns: Int

  var count: Int { counts.reduce(0, +) }

  /// Where rank `rank`'s values lie among all.
  func range(of rank: Int) -> Range<Int> {
    let start = counts[..<rank].reduce(0, +) * columns
    return start..<start + counts[rank] * columns
  }

  /// None at all, all on the last rank, equal shares, and random ones of which some are empty.
  static func cases(rankCount: Int) -> [Rows] {
    var random = generator(seed: 7, rank: 0)
    let none = Array(repeating: 0, count: rankCount)
    var shares = [none, none.dropLast() + [9], Array(repeating: 4, count: rankCount)]
    for _ in 0..<5 { shares.append(none.map { _ in max(0, .random(in: -5...40, using: &random)) }) }
    return shares.enumerated().map { Rows(counts: $1, columns: [1, 3, 128][$0 % 3]) }
  }
}

struct CheckFailure: Error { let message: String }

/// Throws unless `condition`: an error, unlike `#expect`, also finds its way out of a rank that is a thread.
func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
  if !condition { throw CheckFailure(message: message()) }
}

func requireSameBits(_ a: [Float], _ b: [Float], _ message: @autoclosure () -> String) throws {
  try require(a.map(\.bitPattern) == b.map(\.bitPattern), message())
}
