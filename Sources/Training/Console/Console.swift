import Foundation
package import Logging
import Synchronization

/// Where a rank talks to the person who watches: lines on standard error, and on a terminal one line that changes.
///
/// Results do not go here, they go to standard output. Only rank 0 has a console that speaks.
package final class Console: Sendable {
  private let write: @Sendable (String) -> Void
  private let terminalWidth: (@Sendable () -> Int)?
  private let takesColor: Bool
  private let state = Mutex(State())

  private struct State {
    /// The line that stays at the bottom of the terminal; empty if there is none.
    var status = ""
    var mode = ProgressMode.auto
  }

  /// - Parameters:
  ///   - terminalWidth: columns of the terminal as it is now; `nil` if this is no terminal.
  ///   - takesColor: whether text may be coloured.
  ///   - write: takes text and its control sequences.
  init(
    terminalWidth: (@Sendable () -> Int)?, takesColor: Bool = false, write: @escaping @Sendable (String) -> Void
  ) {
    self.terminalWidth = terminalWidth
    self.takesColor = takesColor
    self.write = write
  }

  /// Standard error.
  package static func standardError() -> Console {
    let width: @Sendable () -> Int = { Terminal.columns }
    return Console(
      terminalWidth: Terminal.isTerminal(STDERR_FILENO) ? width : nil, takesColor: Terminal.takesColor(STDERR_FILENO)
    ) {
      try? FileHandle.standardError.write(contentsOf: Data($0.utf8))
    }
  }

  /// From now on tells as a person, or a program, wants it.
  package func tell(_ mode: ProgressMode) { state.withLock { $0.mode = mode } }

  /// Says nothing: for all ranks but the first.
  package static func silent() -> Console { Console(terminalWidth: nil) { _ in } }

  var mode: ProgressMode { state.withLock { $0.mode } }

  var isTerminal: Bool { columns != nil }

  /// Columns of the terminal; `nil` if this is none, or is to be used as none.
  var columns: Int? {
    switch mode {
    case .auto: terminalWidth?()
    case .live: terminalWidth?() ?? Terminal.columns
    case .plain, .json, .quiet: nil
    }
  }

  /// Logs to this console: `info` plainly, warnings and errors with their names.
  package var logger: Logger { Logger(label: "colbert") { _ in ConsoleLogHandler(console: self) } }

  /// A text that is to stand out, if this may be coloured.
  func emphasized(_ text: String, _ emphasis: Terminal.Emphasis) -> String {
    takesColor && mode != .json ? Terminal.emphasized(text, emphasis) : text
  }

  /// Writes one line, above the line that changes.
  package func line(_ text: String) {
    state.withLock { write(($0.status.isEmpty ? "" : Terminal.clearLine) + text + "\n" + $0.status) }
  }

  /// Draws the line that changes; it must fit into `columns`.
  func setStatus(_ text: String) {
    state.withLock {
      $0.status = text
      write(Terminal.clearLine + text)
    }
  }

  /// Leaves the line that changes as it is and starts a new one below.
  package func keepStatus() {
    state.withLock {
      if !$0.status.isEmpty { write("\n") }
      $0.status = ""
    }
  }
}
