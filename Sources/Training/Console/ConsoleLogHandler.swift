import Logging

/// Writes log lines for people: no time, no label, no level but where it matters.
struct ConsoleLogHandler: LogHandler {
  var logLevel = Logger.Level.info
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?
  private let console: Console

  init(console: Console) { self.console = console }

  func log(event: LogEvent) {
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
