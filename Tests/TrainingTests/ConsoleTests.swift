import Foundation
import Logging
import Synchronization
import Tensors
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
    let fitted = Self.report.line(secondsLeft: 130, trend: LossTrend(), columns: columns)
    #expect(fitted == line)
    #expect(fitted.count <= columns)
  }

  @Test(arguments: 1...120) func neverWrapsALine(columns: Int) {
    #expect(Self.report.line(secondsLeft: 130, trend: LossTrend(), columns: columns).count <= columns)
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

/// What a console tells of a run, as `--progress` asks for it.
@Suite struct ProgressModeTests {
  private static let ranks = RankReport(seconds: [times(3, 1), times(1, 3)], memoryBytes: [1_810_000_000, 5])

  private static func times(_ products: Double, _ waiting: Double) -> PartTimes {
    var times = PartTimes()
    (times[.products], times[.waitingForRanks]) = (products, waiting)
    return times
  }

  private func shown(_ mode: ProgressMode, steps: Int, width: Int? = nil) -> String {
    let screen = Screen(width: width, takesColor: true)
    screen.console.tell(mode)
    let start = ContinuousClock.now
    var display = ProgressDisplay(screen.console, totalSteps: 1000, start: start)
    for step in 1...steps {
      var report = ConsoleTests.report
      (report.step, report.loss, report.ndcgAt10, report.ranks) = (step, 1 / Double(step), 0.83, Self.ranks)
      display.show(report, at: start + .seconds(step))
    }
    screen.console.logger.info("saved")
    screen.console.logger.warning("mind")
    return screen.text
  }

  @Test func liveShowsAllThatIsKnownOnOneLine() {
    let line = shown(.live, steps: 4, width: 300).split(separator: "\r\u{1B}[K")[3]
    #expect(
      line
        == "step 4/1000 ▕                              ▏ loss 0.2500 ↓ 0.2917  nDCG@10 0.8300  412 queries/s  "
        + "48.1k tokens/s  16 min 36 s left  1.81 GB  50% waiting for rank 0")
  }

  /// Where no terminal is seen, 80 columns are taken for granted.
  @Test func liveNeedsNoTerminalToSee() {
    #expect(shown(.live, steps: 1).contains("\r\u{1B}[Kstep 1/1000"))
    #expect(!shown(.auto, steps: 1).contains("\r"))
  }

  @Test func plainAddsLinesToATerminalToo() {
    #expect(
      shown(.plain, steps: 1, width: 80)
        == "step 1/1000  loss 1.0000  412 queries/s  48.1k tokens/s  16 min 39 s left\nsaved\n"
        + "\u{1B}[1;33mwarning:\u{1B}[0m mind\n")
  }

  @Test func quietSaysWhatIsWrongAlone() {
    #expect(shown(.quiet, steps: 3, width: 80) == "\u{1B}[1;33mwarning:\u{1B}[0m mind\n")
  }

  @Test func aProgramReadsEveryLine() throws {
    let lines = shown(.json, steps: 4, width: 80).split(separator: "\n").map { Data($0.utf8) }
    let objects = try lines.map { try #require(JSONSerialization.jsonObject(with: $0) as? [String: Any]) }
    #expect(objects.map { $0["event"] as? String } == ["step", "step", "step", "step", "log", "log"])
    let last = objects[3]
    #expect(last["step"] as? Int == 4 && last["total_steps"] as? Int == 1000 && last["loss"] as? Double == 0.25)
    #expect(last["slowest_rank"] as? Int == 0 && last["waiting_share"] as? Double == 0.5)
    #expect(last["memory_bytes"] as? Int == 1_810_000_000 && last["ndcg_at_10"] as? Double == 0.83)
    #expect(objects[5]["level"] as? String == "warning" && objects[5]["message"] as? String == "mind")
  }

  @Test(arguments: [([1.0, 1, 1], ""), ([4, 3, 2, 1], "↓"), ([1, 1, 2, 2], "↑"), ([1, 1, 1.005, 1], "→")])
  func saysWhereTheLossIsGoing(losses: [Double], arrow: String) {
    var trend = LossTrend()
    for loss in losses { trend.append(loss) }
    #expect(trend.arrow == arrow)
  }

  @Test func comparesRanks() {
    #expect(Self.ranks.slowest == 0 && Self.ranks.waitingShare == 0.5)
    #expect(Self.ranks.meanSeconds[StepPart.products.name] == 2)
    #expect(RankReport(seconds: [Self.times(1, 0)], memoryBytes: [2_000_000_000]).facts == ["2.00 GB"])
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
