/// What a person wants to know about a step that is done.
struct StepReport: Equatable, Sendable {
  /// From 1.
  var step: Int
  var totalSteps: Int
  var loss: Double
  var queriesPerSecond: Double
  /// Real tokens of all ranks.
  var tokensPerSecond: Double

  /// `step 120/1000  loss 0.4312  412 queries/s  48.1k tokens/s  2 min 10 s left`, for a log.
  func line(secondsLeft: Double?) -> String {
    ([counter] + facts(secondsLeft: secondsLeft)).joined(separator: "  ")
  }

  /// `line` with a bar, in at most `columns` columns: first the bar gives way, then the facts, from the right.
  func line(secondsLeft: Double?, columns: Int) -> String {
    ProgressFormat.line(
      counter, share: Double(step) / Double(max(totalSteps, 1)), facts: facts(secondsLeft: secondsLeft),
      columns: columns)
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
