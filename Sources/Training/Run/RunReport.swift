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
      Self.files(setup),
      "texts: \(texts.description)",
      Self.unusedScores(setup),
      Self.leftOut(setup),
      Self.random(setup),
      Self.parameters(setup),
      Self.scores(setup),
      Self.products(setup),
      Self.matryoshka(setup),
      Self.ranks(setup, communicator.rankCount, queriesPerRank: queriesPerRank),
      Self.exchange(setup, texts, rankCount: communicator.rankCount),
      "memory expected: \(memory.description)",
    ].compactMap { $0 }
  }

  private static func unusedScores(_ setup: TrainingSetup) -> String? {
    guard setup.data.scoredCount > 0, setup.configuration.loss.distillation == .none else { return nil }
    return "teacher scores: not used by loss.distillation: none (rows that have them: \(setup.data.scoredCount))"
  }

  private static func leftOut(_ setup: TrainingSetup) -> String? {
    guard setup.data.leftOutCount > 0 else { return nil }
    return "hard negatives left out by negatives.mask, being positives of their own row: \(setup.data.leftOutCount)"
  }

  private static func random(_ setup: TrainingSetup) -> String? {
    guard let random = setup.random else { return nil }
    let blanks = random.blankCount > 0 ? " (\(random.blankCount) of them empty and never drawn)" : ""
    return """
      random negatives: \(random.perQuery) a query, from the \(random.count) documents of \
      \(setup.configuration.negatives.corpus ?? "the training rows")\(blanks)
      """
  }

  private static func data(_ setup: TrainingSetup) -> String {
    """
    data: \(setup.data.count) rows, \(setup.sampler.stepsPerEpoch) steps of \(setup.configuration.batch.queries) queries \
    an epoch, \(setup.totalSteps) steps in all
    """
  }

  /// What an epoch takes of each file, where that is not simply all.
  private static func files(_ setup: TrainingSetup) -> String? {
    let configuration = setup.configuration.data
    let isUsual = configuration.batches == .mixed && configuration.train.allSatisfy { $0.weight == 1 }
    guard !isUsual else { return nil }
    let shares = zip(configuration.train, zip(setup.data.rowsByFile, setup.sampler.rowsPerEpochByFile)).map {
      "\($1.1) of \($0.path) (\($1.0.count) rows)"
    }
    return "an epoch takes \(shares.joined(separator: ", "))"
      + (configuration.batches == .oneFile ? "; each batch is of one file" : "")
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

  private static func products(_ setup: TrainingSetup) -> String? {
    guard setup.model.model.encoder.precision == .bfloat16 else { return nil }
    return "products: the encoder's linear layers in bfloat16 with float32 sums, all else in float32"
  }

  private static func matryoshka(_ setup: TrainingSetup) -> String? {
    let narrower = setup.objective.matryoshka.narrower
    guard !narrower.isEmpty else { return nil }
    let whole = setup.objective.matryoshka.wholeWeight
    let terms =
      (whole > 0 ? [(setup.model.model.head.shape.dimension, whole)] : []) + narrower.map { ($0.dimension, $0.weight) }
    let list = terms.map { $1 == 1 ? "\($0)" : "\($0) (times \(ProgressFormat.decimals($1, 3)))" }
    return "the ColBERT loss is added up over the first \(list.joined(separator: ", ")) components"
  }

  private static func ranks(_ setup: TrainingSetup, _ rankCount: Int, queriesPerRank: Int) -> String {
    func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
    return """
      ranks: \(rankCount) with \(counted(setup.model.model.pool.threadCount, "thread")) each, up to \
      \(queriesPerRank) \(queriesPerRank == 1 ? "query" : "queries") a rank in \
      \(counted(setup.configuration.batch.accumulation, "chunk"))
      """
  }

  /// Which texts travel, and the bytes of it and of the other plan; nil for a rank alone.
  private static func exchange(_ setup: TrainingSetup, _ texts: SampledTexts, rankCount: Int) -> String? {
    guard rankCount > 1 else { return nil }
    let settings = ExchangeSettings(setup.configuration.negatives)
    guard settings.scope == .global else {
      return "exchange: no text travels, as negatives.scope: \(settings.scope.rawValue) has it"
    }
    let traffic = texts.shares.map {
      ExchangeTraffic($0, ScoredHeads(setup.objective), shape: setup.model.model.head.shape, rankCount: rankCount)
    }
    let plans = traffic.map { ExchangePlan(settings, $0) }
    func megabytes(_ bytes: (ExchangeTraffic) -> Double) -> String {
      ProgressFormat.decimals(traffic.reduce(0) { $0 + bytes($1) } / Double(traffic.count) / 1e6, 3) + " MB"
    }
    let documents = megabytes { $0.documentBytes(blockCount: $0.blockCount(atMost: settings.gatherBytes)) }
    let queries = megabytes(\.queryBytes)
    let blocks = plans.map(\.blockCount).max() ?? 1
    let inBlocks = blocks > 1 ? " in up to \(blocks) blocks, as negatives.gather_bytes has it" : ""
    return switch settings.gather {
    case .documents: "exchange: documents\(inBlocks), \(documents) sent a rank and step (queries: \(queries))"
    case .queries: "exchange: queries, \(queries) sent a rank and step (documents: \(documents))"
    case .auto:
      """
      exchange: queries (\(queries) sent a rank and step) in \(plans.count { $0 == .queries }) of \(plans.count) batches, \
      else documents (\(documents))\(inBlocks)
      """
    }
  }
}
