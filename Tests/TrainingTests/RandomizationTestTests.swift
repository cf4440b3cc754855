import Testing

@testable import Training

@Suite struct RandomizationTestTests {
  /// By hand: of the 8 sums ±1 ±2 ±3 two are as far from zero as 6 is, four as far as 4.
  @Test func goesThroughAllSignsOfFewDifferences() {
    #expect(randomizationTest([1, 2, 3]) == 2.0 / 8)
    #expect(randomizationTest([-1, 2, 3]) == 4.0 / 8)
    #expect(randomizationTest([1, 0, 2, 0, 3, 0]) == 2.0 / 8, "equal queries change nothing")
    #expect(randomizationTest([0.1, 0.2, -0.3]) == 1, "no difference but for rounding")
    #expect(randomizationTest([0, 0]) == 1)
  }

  /// The binomial distribution: of 18 signs 14 or more alike, and in none of 2^18 draws more than all of 40.
  @Test func drawsSignsOfMany() {
    let p = randomizationTest(Array(repeating: 1, count: 14) + Array(repeating: -1, count: 4))
    let exact = 2.0 * (3060 + 816 + 153 + 18 + 1) / 262_144
    #expect(abs(p - exact) < 0.002, "\(p), not \(exact): three standard errors are 0.0012")
    #expect(randomizationTest(Array(repeating: 0.5, count: 40)) == 1.0 / 100_001)
  }
}
