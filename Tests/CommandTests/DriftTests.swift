import Foundation
import TestSupport
import Testing

/// What a run says about the dense and sparse scores of the model that it started from.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct DriftTests {
  private struct Line: Decodable {
    struct Agreement: Decodable {
      let dense: Double
      let sparse: Double
    }
    let step: Int
    let evaluation: [String: Double]?
    let agreement: Agreement?
  }

  private let run: ShortRun

  init() throws {
    run = try ShortRun()
    try ReferenceTexts().writeCollection(to: "beir", in: run.folder)
  }

  private func settings(_ values: [String]) -> [String] {
    let common = [
      "model.path=\(fixture("tiny-bge-m3"))", "data.train=[\(fixture("bge-m3-train.jsonl"))]", "evaluation.data=beir",
      "run.evaluate_every=2", "run.checkpoint_every=2", "run.steps=4", "optimizer.schedule=constant",
    ]
    return (common + values).flatMap { ["--set", $0] }
  }

  /// The lines of `metrics.jsonl` that are of evaluations.
  private func evaluations() throws -> [Line] {
    try run.folder.text(of: "run/metrics.jsonl").split(separator: "\n")
      .map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }.filter { $0.evaluation != nil }
  }

  /// At a rate of next to nothing every number stays what it is.
  @Test(arguments: [nil, 2]) func anUnchangedModelAgrees(ranks: Int?) throws {
    let log = try run.finish(settings(["optimizer.learning_rate=1e-30"]), ranks: ranks).errors
    let lines = try evaluations()
    #expect(lines.map(\.step) == [2, 4])
    #expect(lines.allSatisfy { $0.agreement?.dense == 1 && $0.agreement?.sparse == 1 })
    #expect(log.contains("agreement with the starting model: searching 16 documents by its dense and sparse scores"))
    #expect(log.contains("  agreement with the start: dense 1.000, sparse 1.000\n"))
    #expect(!log.contains("warning"), "\(log)")
  }

  /// A rate that no model survives. What a run that goes on from a checkpoint compares with is the starting model too.
  @Test(arguments: [nil, 2]) func aChangedModelIsWarnedOf(ranks: Int?) throws {
    let fast = settings(["optimizer.learning_rate=0.05", "evaluation.agreement_bound=0.9"])
    let log = try run.finish(fast, ranks: ranks).errors
    let lines = try evaluations()
    let last = try #require(lines.last?.agreement)
    #expect(lines.count == 2 && last.dense < 0.9, "\(lines)")
    let warnings = log.split(separator: "\n").filter { $0.hasPrefix("warning: step 4: of the 10 documents that the") }
    #expect(warnings.count == 1, "\(log)")
    for part in [
      "finds \(Int((100 * last.dense).rounded()))% by dense scores", "less than evaluation.agreement_bound: 0.9",
      "lower optimizer.learning_rate", "model.train", "loss.objective: unified", "colbert export --merge 0.5",
    ] { #expect(warnings.joined().contains(part), "\(part) in \(warnings)") }

    let metrics = try run.folder.text(of: "run/metrics.jsonl")
    let before = metrics.split(separator: "\n").filter { $0.contains("agreement") }
    for name in ["run/model", "run/checkpoints/step-4"] { try run.folder.remove(name) }
    let again = try run.finish(fast + ["--set", "evaluation.agreement_bound=0"], ranks: ranks).errors
    #expect(again.contains("continuing after step 2") && !again.contains("warning"), "\(again)")
    let after = try run.folder.text(of: "run/metrics.jsonl").split(separator: "\n").filter { $0.contains("agreement") }
    #expect(after == before)
  }

  /// What cannot change is not searched for, nor what nobody asked for, nor what the model has not.
  @Test(
    arguments: [
      (["model.train=head"], "dense and sparse scores stay as they are, only the ColBERT head learns"),
      (["evaluation.agreement_bound=null"], nil), (["model.path=\(fixture("tiny-pylate"))"], nil),
    ] as [([String], String?)])
  func otherRunsAreNotWatched(values: [String], said: String?) throws {
    let log = try run.finish(settings(values)).errors
    #expect(try evaluations().map { $0.agreement == nil } == [true, true])
    #expect(log.contains("agreement with the starting model") == (said != nil), "\(log)")
    if let said { #expect(log.contains(said), "\(log)") }
  }

  /// The sparse head learns by itself then; the dense vectors, of frozen layers, agree.
  @Test func aSparseHeadThatLearnsIsWatched() throws {
    try run.finish(settings(["model.train=head", "loss.objective=unified", "optimizer.learning_rate=0.05"]))
    let last = try #require(try evaluations().last?.agreement)
    #expect(last.dense == 1 && last.sparse < 1, "\(last)")
  }
}
