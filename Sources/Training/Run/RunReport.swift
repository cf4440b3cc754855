import Communication
import Datasets
import LateInteraction
import Tensors
import Tokenizers

/// What a run says before its first step: data, lengths, parameters, memory.
struct RunReport {
  let lines: [String]

  /// Tokenizes a sample of the batches after `step` updates. Collective: every rank calls it.
  ///
  /// - Parameter collection: what will be evaluated on, if anything.
  init(
    _ setup: TrainingSetup, _ collection: RetrievalCollection?, from step: Int, communicator: any Communicator
  ) throws {
    let texts = try SampledTexts(setup, from: step, communicator: communicator)
    let queriesPerRank =
      (setup.configuration.batch.queries + communicator.rankCount - 1) / communicator.rankCount
    let memory = try MemoryEstimate(setup, texts, collection, communicator: communicator)
    lines = [
      Self.data(setup),
      "texts: \(texts.description)",
      Self.unusedScores(setup),
      Self.parameters(setup),
      Self.scores(setup),
      Self.ranks(setup, communicator.rankCount, queriesPerRank: queriesPerRank),
      "memory expected: \(memory.description)",
    ].compactMap { $0 }
  }

  private static func unusedScores(_ setup: TrainingSetup) -> String? {
    guard setup.data.scoredCount > 0, setup.configuration.loss.distillation == .none else { return nil }
    return "teacher scores: not used by loss.distillation: none (rows that have them: \(setup.data.scoredCount))"
  }

  private static func data(_ setup: TrainingSetup) -> String {
    """
    data: \(setup.data.count) rows, \(setup.sampler.stepsPerEpoch) steps of \(setup.configuration.batch.queries) queries \
    an epoch, \(setup.totalSteps) steps in all
    """
  }

  private static func parameters(_ setup: TrainingSetup) -> String {
    let layout = setup.model.model.parameters.layout
    let total = layout.tensors.reduce(0) { $0 + $1.count }
    let head = setup.model.hasNewHead ? " from a new head, seed \(setup.configuration.run.seed)" : ""
    return
      "parameters: \(layout.trainedCount) trained of \(total); vectors of \(setup.model.model.head.shape.dimension)\(head)"
  }

  private static func scores(_ setup: TrainingSetup) -> String {
    """
    scores: \(setup.model.model.reduction.rawValue) over query tokens (style \(setup.model.folder.style.rawValue)), \
    temperature \(setup.objective.temperature)
    """
  }

  private static func ranks(_ setup: TrainingSetup, _ rankCount: Int, queriesPerRank: Int) -> String {
    func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
    return """
      ranks: \(rankCount) with \(counted(setup.model.model.pool.threadCount, "thread")) each, up to \
      \(queriesPerRank) \(queriesPerRank == 1 ? "query" : "queries") a rank in \
      \(counted(setup.configuration.batch.accumulation, "chunk"))
      """
  }
}
