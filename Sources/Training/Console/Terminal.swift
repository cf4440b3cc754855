import Communication
import Foundation

/// What this program needs of a terminal: its width, a way back to the start of the line, colours.
package enum Terminal {
  static let clearLine = "\r\u{1B}[K"

  /// Of standard error.
  static var columns: Int {
    var size = winsize()
    let status = unsafe withUnsafeMutablePointer(to: &size) { unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), $0) }
    return status == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }

  /// Whether `descriptor` is a terminal that understands control sequences.
  ///
  /// A rank's is none: mpirun gives it a pseudo-terminal even where its own output goes to a file.
  static func isTerminal(
    _ descriptor: Int32, environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Bool {
    isatty(descriptor) == 1 && environment["TERM"] != "dumb"
      && !MPIWorld.rankVariables.contains { environment[$0] != nil }
  }

  /// Whether what goes to `descriptor` may be coloured: it is a terminal, and nobody asked for none (no-color.org).
  package static func takesColor(
    _ descriptor: Int32, environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Bool {
    isTerminal(descriptor, environment: environment) && (environment["NO_COLOR"] ?? "").isEmpty
  }

  /// A text in a colour that is told apart on dark and on light ground.
  enum Emphasis: String {
    case error = "1;31"
    case warning = "1;33"
  }

  static func emphasized(_ text: String, _ emphasis: Emphasis) -> String {
    "\u{1B}[\(emphasis.rawValue)m\(text)\u{1B}[0m"
  }
}
