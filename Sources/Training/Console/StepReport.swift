/// What a person wants to know about a step that is done.
struct StepReport: Equatable, Sendable {
  /// From 1.
  var step: Int
  var totalSteps: Int
  var loss: Double
  var queriesPerSecond: Double
  /// Real tokens of all ranks.
  var tokensPerSecond: Double
  /// Of the last evaluation.
  var ndcgAt10: Double?
  var ranks: RankReport?

  /// `step 120/1000  loss 0.4312  412 queries/s  48.1k tokens/s  2 min 10 s left`, for a log.
  func line(secondsLeft: Double?) -> String {
    ([counter] + facts(secondsLeft: secondsLeft)).joined(separator: "  ")
  }

  /// `line` with a bar and what else is known, in at most `columns` columns: first the bar gives way, then the facts, from
  /// the right.
  func line(secondsLeft: Double?, trend: LossTrend, columns: Int) -> String {
    var facts = facts(secondsLeft: secondsLeft)
    if let mean = trend.mean { facts[0] += " \(trend.arrow) \(ProgressFormat.decimals(mean, 4))" }
    if let ndcgAt10 { facts.insert("nDCG@10 \(ProgressFormat.decimals(ndcgAt10, 4))", at: 1) }
    if let ranks { facts += ranks.facts }
    return ProgressFormat.line(
      counter, share: Double(step) / Double(max(totalSteps, 1)), facts: facts, columns: columns)
  }

  /// For a program.
  func json(secondsLeft: Double?, trend: LossTrend) -> String {
    StepEvent(
      step: step, total_steps: totalSteps, loss: loss, mean_loss: trend.mean, queries_per_second: queriesPerSecond,
      tokens_per_second: tokensPerSecond, ndcg_at_10: ndcgAt10, seconds_left: secondsLeft.map { $0.rounded() },
      waiting_share: ranks?.waitingShare, slowest_rank: ranks?.slowest, memory_bytes: ranks?.memoryBytes
    ).json
  }

  private var counter: String { "step \(step)/\(totalSteps)" }

  private func facts(secondsLeft: Double?) -> [String] {
    [
      "loss \(ProgressFormat.decimals(loss, 4))",
      "\(ProgressFormat.rate(queriesPerSecond)) queries/s",
      "\(ProgressFormat.rate(tokensPerSecond)) tokens/s",
    ] + (secondsLeft.map { ["\(ProgressFormat.duration($0)) left"] } ?? [])
  }
}

extension StepReport {
  init(_ metrics: StepMetrics, totalSteps: Int, ndcgAt10: Double?, ranks: RankReport) {
    self.init(
      step: metrics.step, totalSteps: totalSteps, loss: metrics.loss, queriesPerSecond: metrics.queries_per_second,
      tokensPerSecond: metrics.tokens_per_second, ndcgAt10: ndcgAt10, ranks: ranks)
  }
}

/// What `--progress json` says of a step.
private struct StepEvent: Encodable {
  var event = "step"
  let step: Int
  let total_steps: Int
  let loss: Double
  let mean_loss: Double?
  let queries_per_second: Double
  let tokens_per_second: Double
  let ndcg_at_10: Double?
  let seconds_left: Double?
  let waiting_share: Double?
  let slowest_rank: Int?
  let memory_bytes: Int?
}
