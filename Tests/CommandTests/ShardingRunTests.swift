import Testing

/// `optimizer.sharding: ranks` under real `mpirun`, through the binary.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct ShardingRunTests {
  private static let steps = ["--set", "run.steps=10", "--set", "run.keep=9"]
  private static let (none, ranks) = (sharded("none"), sharded("ranks"))
  private static func sharded(_ value: String) -> [String] { ["--set", "optimizer.sharding=\(value)"] }

  @Test(arguments: [2, 3]) func endsAsReplicated(rankCount: Int) throws {
    let (replicated, sharded) = (try ShortRun(), try ShortRun())
    try replicated.finish(Self.steps + Self.none, ranks: rankCount)
    try sharded.finish(Self.steps + Self.ranks, ranks: rankCount)
    #expect(try sharded.outcome().differences(from: try replicated.outcome()) == [])
  }

  /// Either way's checkpoint is gone on from in the other: bit for bit on as many ranks, and elsewhere to rounding, as
  /// `ResumeTests` says.
  @Test(arguments: [(none, ranks), (ranks, none)], [(2, 2), (2, 3), (3, 1)])
  func resumesTheOtherWay(ways: (before: [String], after: [String]), counts: (before: Int, after: Int)) throws {
    let run = try ShortRun()
    try run.finish(Self.steps + ways.before, ranks: counts.before)
    let whole = try run.outcome()
    try run.folder.remove("run/model")
    try run.folder.remove("run/checkpoints/step-10")
    let ended = try run.finish(Self.steps + ways.after, ranks: counts.after)
    #expect(ended.errors.contains("continuing after step 5"))
    let outcome = try run.outcome()
    if counts.before == counts.after {
      #expect(outcome.differences(from: whole) == [])
    } else {
      #expect(try outcome.distance(from: whole) < 1e-5)
    }
  }
}
