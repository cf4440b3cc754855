/// Shows on standard error how far a run is.
///
/// On a terminal one line is drawn over and over, at most ten times a second. Elsewhere (a file, a batch system) lines
/// are added: one for every step of a run of fewer than 200 steps; else the first, the last, and one whenever five
/// seconds have passed since the line before. For a program every step is a line, and whoever wants quiet gets none.
struct ProgressDisplay {
  private let console: Console
  private let totalSteps: Int
  private let firstStep: Int
  private let start: ContinuousClock.Instant
  private var lastShown: ContinuousClock.Instant?
  private var trend = LossTrend()

  /// A display for steps `firstStep + 1 ... totalSteps`; `firstStep` steps were done before `start`.
  init(
    _ console: Console, totalSteps: Int, after firstStep: Int = 0, start: ContinuousClock.Instant = .now
  ) {
    self.console = console
    self.totalSteps = totalSteps
    self.firstStep = firstStep
    self.start = start
  }

  /// Shows a step that is done, if it is time to.
  mutating func show(_ report: StepReport, at now: ContinuousClock.Instant = .now) {
    trend.append(report.loss)
    guard isDue(report.step, at: now) else { return }
    lastShown = now
    let left = secondsLeft(after: report.step, at: now)
    if console.mode == .json {
      console.line(report.json(secondsLeft: left, trend: trend))
    } else if let columns = console.columns {
      console.setStatus(report.line(secondsLeft: left, trend: trend, columns: columns - 1))
    } else {
      console.line(report.line(secondsLeft: left))
    }
  }

  /// Leaves the last state of the line on the terminal.
  func finish() { console.keepStatus() }

  private func isDue(_ step: Int, at now: ContinuousClock.Instant) -> Bool {
    if console.mode == .quiet { return false }
    guard let lastShown, step < totalSteps, console.mode != .json else { return true }
    if console.isTerminal { return now - lastShown >= .milliseconds(100) }
    return totalSteps < 200 || now - lastShown >= .seconds(5)
  }

  /// At the pace since the start, evaluations and checkpoints included.
  private func secondsLeft(after step: Int, at now: ContinuousClock.Instant) -> Double? {
    guard step > firstStep, step < totalSteps else { return nil }
    return (now - start) / .seconds(1) / Double(step - firstStep) * Double(totalSteps - step)
  }
}
