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
    var facts = facts(secondsLeft: secondsLeft)
    let barWidth = min(30, columns - ([counter] + facts).joined(separator: "  ").count - 3)
    if barWidth >= 5 {
      let bar = ProgressFormat.bar(Double(step) / Double(max(totalSteps, 1)), width: barWidth)
      return "\(counter) \(bar) " + facts.joined(separator: "  ")
    }
    while !facts.isEmpty {
      let line = ([counter] + facts).joined(separator: "  ")
      if line.count <= columns { return line }
      facts.removeLast()
    }
    return String(counter.prefix(max(columns, 0)))
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
