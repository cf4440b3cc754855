import Foundation
import Testing

/// What `plan` says, beside what runs of the same configuration do. How fast anything is is not looked at.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct PlanTests {
  private struct Plan: Decodable {
    struct Link: Decodable {
      let isMeasured: Bool
      let bytesPerSecond: Double
    }
    struct Run: Decodable {
      struct Advice: Decodable {
        let settings: String
        let memory: Int
      }
      let ranks: Int
      let queries: Int
      let fits: Bool
      let operations: Double
      let documentsPlanBytes: Double
      let queriesPlanBytes: Double
      let gradientBytes: Double
      let computeSeconds: Double
      let waitingSeconds: Double
      let communicationSeconds: Double
      let secondsPerStep: Double
      let stepsPerEpoch: Int
      let checkpointDisk: Int
      let totalDisk: Int
      let advice: [Advice]
    }
    let trainedParameters: Int
    let rows: Int
    let link: Link
    let runs: [Run]
  }

  private struct Step: Decodable {
    let operationsPerStep: Double
    let sentBytesPerStep: Double
  }

  private func plan(_ arguments: [String], ranks: Int? = nil) throws -> (plan: Plan, output: String) {
    let run = try ShortRun()
    let ended = try Command.colbert(
      ["plan", "run.yaml", "--json", "p.json"] + arguments, ranks: ranks, in: run.folder.path)
    try #require(ended.status == 0, "\(ended.errors)")
    #expect(!run.folder.has("run"), "a plan leaves no run behind")
    return (try JSONDecoder().decode(Plan.self, from: run.folder.bytes(of: "p.json")), ended.output)
  }

  private func step(_ arguments: [String], ranks: Int?) throws -> Step {
    let run = try ShortRun()
    // Two steps: both batches of an epoch.
    let ended = try Command.colbert(
      ["bench", "step", "run.yaml", "--steps", "2", "--warm-up", "2", "--json", "s.json"] + arguments, ranks: ranks,
      in: run.folder.path, within: 120)
    try #require(ended.status == 0, "\(ended.errors)")
    return try JSONDecoder().decode(Step.self, from: run.folder.bytes(of: "s.json"))
  }

  /// The cut changes neither the operations of a step nor its queries; they are those of a real step.
  @Test func aStepsOperationsAreARunsAtEveryNumberOfRanks() throws {
    let runs = try plan(["--ranks", "1", "2", "4"]).plan.runs
    #expect(runs.map(\.ranks) == [1, 2, 4])
    let measured = try step([], ranks: nil)
    for run in runs {
      #expect(run.queries == 4 && run.stepsPerEpoch == 2)
      // MaxSim's documents are the sample's mean, not each batch's own.
      #expect(abs(run.operations / measured.operationsPerStep - 1) < 0.01, "\(run.ranks) ranks")
      let parts = run.computeSeconds + run.waitingSeconds + run.communicationSeconds
      #expect(abs(run.secondsPerStep - parts) < 1e-12)
    }
    #expect(runs[0].gradientBytes == 0 && runs[0].documentsPlanBytes == 0 && runs[0].waitingSeconds == 0)
  }

  @Test(arguments: [
    ["--set", "negatives.gather=documents"],
    ["--set", "negatives.gather=queries", "--set", "optimizer.sharding=ranks"],
  ])
  func twoRanksSendWhatIsPlanned(arguments: [String]) throws {
    let planned = try plan(["--ranks", "2"] + arguments, ranks: 2).plan
    #expect(planned.link.isMeasured)
    let run = planned.runs[0]
    let exchange = arguments.contains("negatives.gather=queries") ? run.queriesPlanBytes : run.documentsPlanBytes
    let measured = try step(arguments, ranks: 2)
    #expect(abs((exchange + run.gradientBytes) / measured.sentBytesPerStep - 1) < 0.05)
  }

  @Test func queriesCanGrowWithTheRanks() throws {
    let runs = try plan(["--ranks", "1", "3", "--queries-per-rank", "2", "--link-gigabits", "8"]).plan
    #expect(runs.runs.map(\.queries) == [2, 6])
    #expect(!runs.link.isMeasured && runs.link.bytesPerSecond == 1e9)
  }

  /// `run.keep_best` keeps one checkpoint more than `run.keep` says.
  @Test func theBestCheckpointTakesDiskToo() throws {
    let plain = try plan(["--ranks", "1"]).plan.runs[0]
    let folder = try TemporaryFolder()
    try ReferenceTexts().writeCollection(to: "beir", in: folder)
    let settings = ["evaluation.data=\(folder.path)/beir", "evaluation.keep_best=map"].flatMap { ["--set", $0] }
    let best = try plan(["--ranks", "1"] + settings)
    #expect(best.plan.runs[0].totalDisk == plain.totalDisk + plain.checkpointDisk)
  }

  /// Each piece of advice comes with what it makes of the memory; following it makes the plan fit.
  @Test func whatWouldHelpIsSaid() throws {
    let (short, output) = try plan(["--ranks", "1", "--memory", "0.0001"])
    #expect(!short.runs[0].fits)
    let settings = short.runs[0].advice.map(\.settings)
    #expect(settings == ["--set batch.accumulation=4", "--set batch.accumulation=4 --set batch.recompute=layers"])
    #expect(output.contains("! 1 rank needs") && output.contains("a rank has 0.1 MB"))
    #expect(output.contains("model.train"), "nothing tried was enough")
    let roomy = try plan(["--ranks", "1", "--memory", "64"])
    #expect(roomy.plan.runs[0].fits && roomy.plan.runs[0].advice.isEmpty && !roomy.output.contains("!"))
  }

  @Test(arguments: [
    (["run.yaml"], "--ranks"), (["run.yaml", "--ranks", "0"], "--ranks is 0"),
    (["run.yaml", "--ranks", "2", "--memory", "0"], "--memory is 0"),
    (["run.yaml", "--ranks", "2", "--queries-per-rank", "0"], "--queries-per-rank is 0"),
    (["run.yaml", "--ranks", "2", "--link-gigabits", "nan"], "--link-gigabits is nan"),
    (["nowhere.yaml", "--ranks", "2"], "nowhere.yaml"),
  ])
  func badUsageIsSaidAtOnce(arguments: [String], said: String) throws {
    let run = try ShortRun()
    let ended = try Command.colbert(["plan"] + arguments, in: run.folder.path)
    #expect(ended.status == 64)
    #expect(ended.errors.contains(said), "\(ended.errors)")
    #expect(ended.output.isEmpty)
  }
}
