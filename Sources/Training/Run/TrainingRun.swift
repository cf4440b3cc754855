import Tokenizers
import Logging
import Checkpoints
import Communication
import Datasets
import Foundation
import LateInteraction
import Tensors

/// A run in progress: the step, and around it schedule, log, checkpoints, evaluation and the stop signal.
final class TrainingRun {
  let setup: TrainingSetup
  private let directory: RunDirectory
  let communicator: MeasuredCommunicator
  private let console: Console
  private let shards: ParameterShards
  private let optimizer: AdamW
  private let schedule: Schedule
  private let collection: RetrievalCollection?
  /// Updates done.
  private(set) var step = 0
  private var lastEvaluation: EvaluationResult?
  /// Nil before the first evaluation, and where the last parameters are what counts.
  private var best: BestEvaluation?
  /// The rows of the steps that are left, read ahead from its first use on.
  private(set) lazy var input = InputAhead(step..<max(step, totalSteps)) { [builder = setup.builder] in
    try builder.read($0)
  }

  private var configuration: Configuration { setup.configuration }
  var parameters: Parameters { setup.model.model.parameters }
  private var totalSteps: Int { schedule.totalSteps }
  /// Whether an evaluation is to come.
  private var evaluates: Bool { collection != nil && !isOver && (step + 1...totalSteps).contains(where: isEvaluated) }
  /// Whether no step is left: all are done, or the last evaluations were none the better.
  private var isOver: Bool { step >= totalSteps || isStoppedEarly }
  private var isStoppedEarly: Bool { (best?.evaluationsSince ?? 0) >= configuration.evaluation.earlyStop ?? .max }

  /// Whether there is an evaluation after step `step`. What comes last is not thrown away unseen.
  private func isEvaluated(_ step: Int) -> Bool {
    step % configuration.run.evaluateEvery == 0
      || configuration.evaluation.keepBest != nil && step == totalSteps
  }

  /// Collective: every rank calls it.
  init(
    _ configuration: Configuration, _ directory: RunDirectory, communicator: any Communicator, console: Console
  ) throws {
    self.directory = directory
    self.console = console
    let pool = ThreadPool.forRank()
    let communicator = MeasuredCommunicator(communicator, pool.clock)
    self.communicator = communicator
    setup = try TrainingSetup(configuration, communicator: communicator, console: console, on: pool)
    collection = try communicator.together("opening the evaluation data") {
      try configuration.evaluation.data.map { try RetrievalCollection(path: $0) }
    }
    try communicator.requireSameFiles(collection?.files.all ?? [])
    let layout = setup.model.model.parameters.layout
    shards = ParameterShards(
      of: layout.trainedCount, isSharded: configuration.optimizer.sharding == .ranks, communicator)
    optimizer = AdamW(AdamWSettings(configuration.optimizer), layout, shards: shards, on: pool)
    schedule = Schedule(
      Schedule.Shape(configuration.optimizer.schedule), warmup: configuration.optimizer.warmup,
      totalSteps: setup.totalSteps)
  }

  /// Whether there is nothing left to do: all updates done and the model written. Collective: every rank calls it.
  func isFinished() throws -> Bool { try isOver && directory.holdsModel() }

  /// Takes parameters, moments and position from a checkpoint of any rank count. Collective: every rank calls it.
  func restore(_ checkpoint: Checkpoint) throws {
    try communicator.together("reading \(checkpoint.path)") {
      try checkpoint.check(tensors: tensorRecords)
      if let difference = setup.files.difference(from: checkpoint.state[StateKey.files] ?? "") {
        throw UsageError(
          """
          \(difference) when \(checkpoint.path) was written; a run goes on with the data it began with. Put them back, \
          or set another run.directory
          """)
      }
      for (name, part, buffer) in buffers {
        try buffer.withMutableSpan { try checkpoint.read(name, part, into: &$0) }
      }
    }
    step = checkpoint.step
    best = try directory.best(of: checkpoint)
    console.logger.info("continuing after step \(step) from \(checkpoint.path)")
  }

  /// Says what is about to happen. Collective: every rank calls it.
  func report() throws {
    for notice in setup.model.notices + (collection?.notices ?? []) { console.logger.info("\(notice)") }
    let report = try RunReport(setup, evaluates ? collection : nil, from: step, communicator: communicator)
    for line in report.lines { console.logger.info("\(line)") }
    for warning in [setup.scopeWarning, setup.matryoshkaWarning].compactMap({ $0 }) {
      console.logger.warning("\(warning)")
    }
    let cache = try communicator.together("looking at the cache") {
      try communicator.rank == 0 ? CacheReport(setup) : nil
    }
    if let line = cache?.line { console.logger.info("\(line)") }
    if let warning = cache?.warning { console.logger.warning("\(warning)") }
  }

  /// Says what memory the run came to, to be held against what it expected. Collective: every rank calls it.
  private func reportMemory() throws {
    let most = try communicator.allGather([ProcessMemory.now().anonymousPeak]).joined().max() ?? 0
    console.logger.info("memory used: \(gigabytes(most)) a rank at most, mapped files aside")
  }

  /// Runs the steps that are left and writes the model. Collective: every rank calls it.
  ///
  /// - Parameter trace: where to write what all ranks did when; nil: nowhere.
  func train(trace: String?) throws -> RunOutcome {
    let trace = try trace.map { try TraceFile($0, setup.model.model.pool, input, communicator) }
    let outcome = try train()
    if let left = try trace?.write(communicator), left > 0 {
      console.logger.warning("the trace is full: it lacks the last \(left) stretches; trace fewer steps (run.steps)")
    }
    return outcome
  }

  private func train() throws -> RunOutcome {
    // The first rows are read while files are opened and the start is evaluated.
    _ = input
    let model = setup.model.model
    let start = try RunStart(
      after: step, threads: model.pool.threadCount, precision: model.encoder.precision, communicator: communicator)
    try communicator.onRoot("writing \(directory.startsPath)") {
      if let change = start.changeOfProducts(since: directory.startsPath) { console.logger.warning("\(change)") }
      try start.append(to: directory.startsPath)
    }
    let metrics = try communicator.together("opening \(directory.metricsPath)") {
      try communicator.rank == 0 ? MetricsFile(directory.metricsPath, after: step) : nil
    }
    let drift = try (evaluates ? collection : nil).flatMap {
      try DriftGuard(setup, $0, communicator: communicator, console: console)
    }
    var progress = ProgressDisplay(console, totalSteps: totalSteps, after: step)
    var lastSaved = step
    while !isOver {
      _ = clock.lap()
      var (line, stops) = try trainOneStep()
      let ranks = try RankReport(clock.lap(), communicator)
      line.seconds = ranks.meanSeconds
      try metrics?.append(line)
      progress.show(StepReport(line, totalSteps: totalSteps, ndcgAt10: lastEvaluation?.ndcgAt10, ranks: ranks))
      if isEvaluated(step), let collection { try evaluate(collection, metrics, drift) }
      if stops || step % configuration.run.checkpointEvery == 0 || isOver || best?.step == step {
        // After a power cut the metrics reach at least as far as the checkpoint.
        try metrics?.sync()
        try save()
        lastSaved = step
      }
      if stops && !isOver {
        progress.finish()
        try reportMemory()
        console.logger.info(
          "stopped by a signal after step \(step); the same command continues from \(directory.path)/checkpoints/step-\(lastSaved)"
        )
        return .stoppedBySignal
      }
    }
    progress.finish()
    try reportMemory()
    try takeBest()
    try writeModel()
    return .finished
  }

  /// How many parameters this rank updates.
  var updatedCount: Int { optimizer.held.count }

  /// What the time of this rank's steps goes into.
  var clock: PartClock { setup.model.model.pool.clock }

  /// One optimiser step over the global batch. Collective: every rank calls it.
  func trainOneStep() throws -> (StepMetrics, stops: Bool) {
    try clock.measure(.other, "step \(step + 1)") { try oneStep() }
  }

  private func oneStep() throws -> (StepMetrics, stops: Bool) {
    communicator.context = "step \(step + 1)"
    let start = ContinuousClock.now
    let read = try clock.measure(.waitingForData) { try input.slots(of: step) }
    let batch = try setup.builder.deal(read, communicator)
    let losses = try clock.measure(.maxSimAndLoss, "gradients") {
      try setup.trainer.gradients(of: batch, step: step, shards: shards)
    }
    let norm = try clock.measure(.optimizer, "norm") { try optimizer.norm(parameters, communicator) }
    // The stop signal of any rank rides along, so that all ranks stop after the same step.
    let sums = try communicator.allReduceSum(
      [
        losses.reduce(0) { $0 + $1.value }, Double(batch.realTokenCount), StopSignal.isRequested ? 1 : 0,
        Double(batch.maskedCount),
      ] + LossTerms(losses).values)
    try checkFinite(loss: sums[0], losses, of: batch, norm)
    let factor = schedule.factor(at: step)
    try clock.measure(.optimizer, "update") {
      try optimizer.update(parameters, step: step, factor: factor, norm: norm, communicator)
    }
    step += 1
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let line = StepMetrics(
      step: step, loss: sums[0],
      loss_terms: configuration.loss.objective == .unified ? LossTerms(values: Array(sums[4...])) : nil,
      learning_rate: configuration.optimizer.learningRate * factor, gradient_norm: norm,
      queries_per_second: Double(batch.globalQueryCount) / seconds, tokens_per_second: sums[1] / seconds,
      masked_documents: configuration.negatives.mask == .none ? nil : Int(sums[3]))
    return (line, sums[2] > 0)
  }

  private func evaluate(_ collection: RetrievalCollection, _ metrics: MetricsFile?, _ drift: DriftGuard?) throws {
    communicator.context = "evaluation after step \(step)"
    try checkParameters()
    let outcome = try Evaluator(setup.model, communicator: communicator)
      .evaluate(collection, narrower: setup.objective.narrowerDimensions, against: drift?.start)
    let (result, agreement) = (outcome.evaluation.result, outcome.agreement)
    lastEvaluation = result
    if let figure = configuration.evaluation.keepBest {
      let current = BestEvaluation(step: step, result: result)
      if best?.take(current, by: figure) == nil { best = current }
    }
    try metrics?.append(step: step, evaluation: result, narrower: outcome.narrower, agreement: agreement)
    let figures =
      [
        ("nDCG@10", result.ndcgAt10), ("MRR@10", result.mrrAt10), ("recall@100", result.recallAt100),
      ].map { "\($0) \(ProgressFormat.decimals($1, 4))" }
      + outcome.narrower.map {
        "nDCG@10 of \($0.dimension) components \(ProgressFormat.decimals($0.result.ndcgAt10, 4))"
      }
    console.logger.info(
      "\((["step \(step)"] + figures + [agreement?.description].compactMap { $0 }).joined(separator: "  "))")
    if let warning = agreement.flatMap({ drift?.warning($0) }) { console.logger.warning("step \(step): \(warning)") }
  }

  private func save() throws {
    communicator.context = "checkpoint of step \(step)"
    try checkParameters()
    let encoder = JSONEncoder()
    // The same bytes each time, so that two runs' checkpoints can be compared.
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var state = [
      StateKey.configuration: String(decoding: try encoder.encode(configuration), as: UTF8.self),
      StateKey.files: setup.files.state,
    ]
    state[StateKey.best] = try best.map { String(decoding: try encoder.encode($0), as: UTF8.self) }
    let count = parameters.layout.trainedCount
    let notices = try directory.store.save(
      step: step, tensors: tensorRecords,
      buffers: buffers.map { CheckpointBuffer($0.name, count: count, part: $0.part, $0.values) }, state: state,
      keep: configuration.run.keep, needs: best.flatMap { $0.step < step ? $0.step : nil })
    for notice in notices { console.logger.warning("\(notice)") }
  }

  /// Puts the parameters of the best evaluation in the place of the last ones. Collective: every rank calls it.
  private func takeBest() throws {
    guard let best, let figure = configuration.evaluation.keepBest else { return }
    if isStoppedEarly {
      console.logger.info(
        "stopped early after step \(step): the last \(best.evaluationsSince) evaluations had no better \(figure.rawValue)"
      )
    }
    console.logger.info(
      "best \(figure.rawValue): \(ProgressFormat.decimals(best.result[figure], 4)) after step \(best.step), which becomes the model"
    )
    guard best.step < step else { return }
    communicator.context = "taking the best parameters"
    let checkpoint = try directory.store.open(directory.checkpoint(ofStep: best.step))
    try communicator.together("reading \(checkpoint.path)") {
      try checkpoint.check(tensors: tensorRecords)
      try parameters.allValues.withMutableSpan {
        try checkpoint.read(CheckpointBuffer.parameters, 0..<parameters.layout.trainedCount, into: &$0)
      }
    }
  }

  private func writeModel() throws {
    communicator.context = "writing the model"
    let card = modelCard(
      configuration, setup.model, temperature: setup.objective.temperature, steps: best?.step ?? step,
      rows: setup.data.count, evaluation: best?.result ?? lastEvaluation)
    try communicator.onRoot("writing \(directory.modelPath)") { () -> Void in
      try ModelExport(loaded: setup.model, layout: setup.model.ownLayout, card: card).write(to: directory.modelPath)
    }
    console.logger.info("finished after \(step) steps: \(directory.modelPath)")
  }

  /// The flat buffers by the names they have in a checkpoint, and what part of each this rank has.
  private var buffers: [(name: String, part: Range<Int>, values: Matrix)] {
    let held = optimizer.held
    return [
      (CheckpointBuffer.parameters, 0..<parameters.layout.trainedCount, parameters.allValues),
      ("first_moments", held, optimizer.firstMoments.matrix(rows: 1, columns: held.count)),
      ("second_moments", held, optimizer.secondMoments.matrix(rows: 1, columns: held.count)),
    ]
  }

  private var tensorRecords: [TensorRecord] {
    parameters.layout.trained.map { TensorRecord(name: $0.name, shape: $0.shape, range: $0.range!) }
  }
}
