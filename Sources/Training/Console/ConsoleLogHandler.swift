import Foundation
import Logging

/// Writes log lines for people: no time, no label, no level but where it matters.
struct ConsoleLogHandler: LogHandler {
  var logLevel = Logger.Level.info
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  private let console: Console

  init(console: Console) { self.console = console }

  func log(event: LogEvent) {
    if console.mode == .json {
      console.line(LoggedLine(level: event.level.rawValue, message: "\(event.message)").json)
      return
    }
    if console.mode == .quiet && event.level < .warning { return }
    switch event.level {
    case .trace, .debug, .info, .notice: console.line("\(event.message)")
    case .warning: console.line("\(console.emphasized("warning:", .warning)) \(event.message)")
    case .error, .critical: console.line("\(console.emphasized("error:", .error)) \(event.message)")
    }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }
}

/// What `--progress json` says of a line of the log.
private struct LoggedLine: Encodable {
  var event = "log"
  let level: String
  let message: String
}

extension Encodable {
  /// On one line, keys in alphabetical order; numbers that are not finite as words.
  var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }
}
