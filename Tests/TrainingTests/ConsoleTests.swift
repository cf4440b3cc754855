import Foundation
import Logging
import Synchronization
import Testing

@testable import Training

@Suite struct ConsoleTests {
  @Test(arguments: [
    (0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (130, "2 min 10 s"), (3599.6, "1 h 00 min"),
    (11_100, "3 h 05 min"), (187_200, "2 d 4 h"), (-1, "0 s"), (.infinity, "?"), (.nan, "?"),
  ])
  func writesDurations(seconds: Double, text: String) {
    #expect(ProgressFormat.duration(seconds) == text)
  }

  @Test(arguments: [
    (0, "0.00"), (0.314, "0.31"), (0.996, "1.0"), (4.25, "4.2"), (9.96, "10"), (412.3, "412"), (999.6, "1.0k"),
    (48_123, "48.1k"), (999_960, "1.0M"), (1.24e6, "1.2M"),
  ])
  func writesRates(rate: Double, text: String) {
    #expect(ProgressFormat.rate(rate) == text)
  }

  @Test(arguments: [
    (0, "▕    ▏"), (0.5, "▕██  ▏"), (0.53125, "▕██▏ ▏"), (0.99, "▕███▉▏"), (1, "▕████▏"), (1.5, "▕████▏"),
  ])
  func drawsBars(share: Double, bar: String) {
    #expect(ProgressFormat.bar(share, width: 4) == bar)
  }

  static let report = StepReport(
    step: 120, totalSteps: 1000, loss: 0.43121, queriesPerSecond: 412.4, tokensPerSecond: 48_123)

  @Test func writesAStepForALog() {
    #expect(
      Self.report.line(secondsLeft: 130)
        == "step 120/1000  loss 0.4312  412 queries/s  48.1k tokens/s  2 min 10 s left")
    #expect(Self.report.line(secondsLeft: nil) == "step 120/1000  loss 0.4312  412 queries/s  48.1k tokens/s")
  }

  @Test(arguments: [
    (200, "step 120/1000 ▕███▌                          ▏ loss 0.4312  412 queries/s  48.1k tokens/s  2 min 10 s left"),
    (86, "step 120/1000 ▕█        ▏ loss 0.4312  412 queries/s  48.1k tokens/s  2 min 10 s left"),
    (80, "step 120/1000  loss 0.4312  412 queries/s  48.1k tokens/s  2 min 10 s left"),
    (60, "step 120/1000  loss 0.4312  412 queries/s  48.1k tokens/s"),
    (20, "step 120/1000"), (6, "step 1"), (0, ""),
  ])
  func fitsAStepIntoTheTerminal(columns: Int, line: String) {
    let fitted = Self.report.line(secondsLeft: 130, columns: columns)
    #expect(fitted == line)
    #expect(fitted.count <= columns)
  }

  @Test(arguments: 1...120) func neverWrapsALine(columns: Int) {
    #expect(Self.report.line(secondsLeft: 130, columns: columns).count <= columns)
  }

  @Test func keepsTheChangingLineBelowTheOthers() {
    let screen = Screen(width: 80)
    screen.console.setStatus("step 1")
    screen.console.line("saved")
    screen.console.setStatus("step 2")
    screen.console.keepStatus()
    screen.console.line("done")
    #expect(screen.text == "\r\u{1B}[Kstep 1\r\u{1B}[Ksaved\nstep 1\r\u{1B}[Kstep 2\ndone\n")
  }

  @Test func logsForPeople() {
    let screen = Screen(width: nil)
    let logger = screen.console.logger
    logger.debug("hidden")
    logger.info("plain")
    logger.warning("mind")
    logger.error("wrong")
    #expect(screen.text == "plain\nwarning: mind\nerror: wrong\n")
  }

  @Test func coloursWhatMattersWhereItMay() {
    let screen = Screen(width: 80, takesColor: true)
    screen.console.logger.info("plain")
    screen.console.logger.warning("mind")
    screen.console.logger.error("wrong")
    #expect(screen.text == "plain\n\u{1B}[1;33mwarning:\u{1B}[0m mind\n\u{1B}[1;31merror:\u{1B}[0m wrong\n")
  }

  /// A pseudo-terminal is one, a pipe or file is none.
  @Test func coloursOnlyTerminalsAndOnlyIfItMay() throws {
    let terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    let file = open("/dev/null", O_WRONLY)
    defer { for descriptor in [terminal, file] { close(descriptor) } }
    try #require(terminal >= 0 && file >= 0)

    #expect(Terminal.takesColor(terminal, environment: ["TERM": "xterm"]))
    #expect(Terminal.takesColor(terminal, environment: ["NO_COLOR": ""]), "an empty value asks for nothing")
    #expect(!Terminal.takesColor(terminal, environment: ["NO_COLOR": "1"]))
    #expect(!Terminal.takesColor(terminal, environment: ["TERM": "dumb"]))
    #expect(!Terminal.isTerminal(terminal, environment: ["TERM": "dumb"]))
    #expect(!Terminal.takesColor(terminal, environment: ["TERM": "xterm", "OMPI_COMM_WORLD_SIZE": "2"]))
    #expect(!Terminal.takesColor(file, environment: ["TERM": "xterm"]))
  }

  /// Which steps of a run are shown when each takes `seconds`.
  private func shown(of totalSteps: Int, every seconds: Double, width: Int?) -> [Int] {
    let screen = Screen(width: width)
    let start = ContinuousClock.now
    var display = ProgressDisplay(screen.console, totalSteps: totalSteps, start: start)
    var steps: [Int] = []
    for step in 1...totalSteps {
      let before = screen.text
      var report = Self.report
      (report.step, report.totalSteps) = (step, totalSteps)
      display.show(report, at: start + .seconds(Double(step) * seconds))
      if screen.text != before { steps.append(step) }
    }
    return steps
  }

  @Test func addsLinesToALogNowAndThen() {
    #expect(shown(of: 199, every: 0.01, width: nil) == Array(1...199))
    #expect(shown(of: 200, every: 1, width: nil) == Array(stride(from: 1, to: 200, by: 5)) + [200])
    #expect(shown(of: 200, every: 7, width: nil) == Array(1...200))
  }

  @Test func redrawsATerminalTenTimesASecond() {
    #expect(shown(of: 300, every: 0.0625, width: 80) == Array(stride(from: 1, to: 300, by: 2)) + [300])
    #expect(shown(of: 20, every: 0.5, width: 80) == Array(1...20))
  }

  @Test func foreseesTheEndFromThePaceSinceTheStart() {
    let screen = Screen(width: nil)
    let start = ContinuousClock.now
    var display = ProgressDisplay(screen.console, totalSteps: 1000, after: 100, start: start)
    display.show(Self.report, at: start + .seconds(40))  // 20 steps of 2 s are done, 880 are left
    #expect(screen.text.hasSuffix("48.1k tokens/s  29 min 20 s left\n"))
  }
}

/// A console that remembers what was written.
private struct Screen {
  let console: Console
  private let written: Written

  /// A terminal of `width` columns; `nil`: no terminal.
  init(width: Int?, takesColor: Bool = false) {
    let written = Written()
    let columns: @Sendable () -> Int = { width! }
    self.written = written
    console = Console(terminalWidth: width == nil ? nil : columns, takesColor: takesColor) { text in
      written.text.withLock { $0 += text }
    }
  }

  var text: String { written.text.withLock { $0 } }

  private final class Written: Sendable {
    let text = Mutex("")
  }
}
