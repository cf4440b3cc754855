import Checkpoints
import Communication
import Foundation
import Testing

/// `evaluation.keep_best` and `evaluation.early_stop`: the same best, and the same end, however a run comes to it.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct KeepBestTests {
  /// At so high a rate the model gets worse after some steps.
  private static let settings = [
    "evaluation.data=beir", "evaluation.keep_best=mrr@10", "run.evaluate_every=3", "run.steps=16", "run.keep=2",
    "optimizer.learning_rate=1e-2",
  ].flatMap { ["--set", $0] }

  private func run() throws -> ShortRun {
    let run = try ShortRun()
    try ReferenceTexts().writeCollection(to: "beir", in: run.folder)
    return run
  }

  /// What the evaluations in `metrics.jsonl` say is best: of equal ones the first.
  private func best(_ run: ShortRun) throws -> ShortRun.Evaluation {
    let evaluations = try run.evaluations()
    let most = evaluations.map { $0.evaluation["mrr@10"]! }.max()
    return try #require(evaluations.first { $0.evaluation["mrr@10"] == most })
  }

  private func checkpoints(_ run: ShortRun) -> [String] {
    run.folder.names(in: "run/checkpoints")
  }

  /// The model's weights, which are not in the last checkpoint.
  private func model(_ run: ShortRun) throws -> [Data] {
    try ["model.safetensors", "1_Dense/model.safetensors"].map { try run.folder.bytes(of: "run/model/\($0)") }
  }

  @Test func theModelIsThatOfTheBestEvaluation() throws {
    let ranks = 2
    let whole = try run()
    let ended = try whole.finish(Self.settings, ranks: ranks)
    let best = try best(whole)
    #expect(try whole.evaluations().map(\.step) == [3, 6, 9, 12, 15, 16], "the last step too")
    #expect(best.step < 15, "the last step is not the best: else this shows nothing")
    #expect(ended.errors.contains("after step \(best.step), which becomes the model"))
    #expect(
      checkpoints(whole) == ["step-15", "step-16", "step-\(best.step)"].sorted(), "the best stays beside the newest")
    let list = try Command.colbert(["checkpoint", "list", "run"], in: whole.folder.path).output.split(separator: "\n")
    let marked = list.filter { $0.hasSuffix("  complete, of the best evaluation") }
    #expect(marked.count == 1 && marked[0].hasPrefix("\(best.step) "), "\(list)")

    // The model is the checkpoint's, and evaluates to the same bits as in training.
    let store = CheckpointStore(path: "\(whole.folder.path)/run/checkpoints", communicator: SoloCommunicator())
    let saved = try store.open("\(whole.folder.path)/run/checkpoints/step-\(best.step)").floats("parameters")
    let written = try whole.outcome().parameters(ofModel: "\(whole.folder.path)/run/model")
    let isSaved = written.map(\.bitPattern) == saved.map(\.bitPattern)
    #expect(isSaved)
    let arguments = ["evaluate", "--model", "run/model", "--data", "beir", "--json", "figures.json"]
    #expect(try Command.colbert(arguments, in: whole.folder.path).status == 0)
    let figures = try JSONDecoder().decode([String: Double].self, from: whole.folder.bytes(of: "figures.json"))
    for (name, value) in best.evaluation { #expect(figures[name] == value, "\(name)") }

    // Killed while it saved the last checkpoint, it comes to the same: the one before knows the best, which is older.
    let killed = try ShortRun(copyOf: whole)
    try killed.folder.remove("run/model")
    try killed.folder.remove("run/checkpoints/step-16/manifest.json")
    let resumed = try killed.finish(Self.settings, ranks: ranks)
    #expect(resumed.errors.contains("continuing after step 15 from run/checkpoints/step-15"))
    #expect(try killed.evaluations() == whole.evaluations())
    let isSame = try model(killed) == model(whole)
    #expect(isSame && checkpoints(killed) == checkpoints(whole))

    // Without its model it is made again, on any ranks; with it there is nothing to do.
    try killed.folder.remove("run/model")
    try killed.finish(Self.settings)
    let isAgain = try model(killed) == model(whole)
    #expect(isAgain)
    #expect(try killed.finish(Self.settings).errors.contains("run is finished"))
  }

  @Test func stopsWhenNothingGetsBetter() throws {
    let run = try run()
    let patient = Self.settings + ["--set", "evaluation.early_stop=2"]
    let ended = try run.finish(patient)
    let evaluations = try run.evaluations()
    let best = try best(run)
    #expect(evaluations.last?.step == best.step + 6 && best.step + 6 < 16, "two evaluations later, every 3 steps")
    let last = best.step + 6
    #expect(try run.metrics().map(\.step) == Array(1...last))
    #expect(ended.errors.contains("stopped early after step \(last): the last 2 evaluations had no better mrr@10"))
    #expect(try run.checkpoint().step == last)
    #expect(try run.folder.text(of: "run/model/README.md").contains("Trained for \(best.step) steps"))
    #expect(try run.finish(patient, ranks: 2).errors.contains("run is finished"), "on other ranks too")
    // More patience: it goes on from where it stopped.
    try run.finish(Self.settings)
    #expect(try run.metrics().map(\.step) == Array(1...16))
  }

  @Test(arguments: [
    (["evaluation.keep_best=map"], "evaluation.keep_best: nothing is evaluated without evaluation.data"),
    (["evaluation.data=beir", "evaluation.early_stop=2"], "evaluation.early_stop: it needs a figure"),
    (["evaluation.data=beir", "evaluation.keep_best=ndcg"], "evaluation.keep_best: expected one of mrr@10, ndcg@10"),
  ])
  func refusesWhatCannotBe(settings: [String], complaint: String) throws {
    let run = try run()
    let ended = try run.train(settings.flatMap { ["--set", $0] })
    #expect(ended.status == 64 && ended.complaints.count == 1)
    #expect(ended.errors.contains(complaint), "\(ended.errors)")
  }
}
