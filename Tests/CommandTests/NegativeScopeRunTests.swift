import Testing

/// Runs with `negatives.scope`.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct NegativeScopeRunTests {
  private func losses(_ scope: String, ranks: Int?) throws -> (losses: [Double], errors: String) {
    let run = try ShortRun()
    let ended = try run.finish(
      ["--set", "negatives.scope=\(scope)", "--set", "run.steps=3"], ranks: ranks)
    return (try run.metrics().map(\.loss), ended.errors)
  }

  @Test func ownIsTheSameOnAnyRanks() throws {
    let alone = try losses("own", ranks: nil)
    let (onThree, errors) = try losses("own", ranks: 3)
    // Sums over ranks are added in another order.
    for (a, b) in zip(onThree, alone.losses) { #expect(abs(a - b) < 1e-5 * b) }
    #expect(errors.contains("exchange: no text travels, as negatives.scope: own has it"))
    #expect(!errors.contains("depends on the number of ranks"))
    #expect(try losses("global", ranks: nil).losses[0] > 1.5 * alone.losses[0])
  }

  @Test func rankSaysThatTheCutCounts() throws {
    let alone = try losses("rank", ranks: nil)
    let (onTwo, errors) = try losses("rank", ranks: 2)
    #expect(onTwo[0] < 0.9 * alone.losses[0])
    for errors in [alone.errors, errors] {
      #expect(errors.contains("negatives.scope: rank: the result depends on the number of ranks"))
    }
  }
}
