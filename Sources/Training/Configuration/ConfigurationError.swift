import Communication

/// Everything that is wrong with a configuration, in the order of its lines.
package struct ConfigurationError: Error, Equatable, CustomStringConvertible, ExitStatusProviding {
  package let problems: [ConfigurationProblem]

  /// `problems` must not be empty; those of `--set` and of the file as a whole come last.
  package init(_ problems: [ConfigurationProblem]) {
    precondition(!problems.isEmpty, "a configuration error without a problem")
    let places = problems.enumerated().sorted {
      ($0.element.source.line ?? .max, $0.offset) < ($1.element.source.line ?? .max, $1.offset)
    }
    self.problems = places.map(\.element)
  }

  /// Bad configuration.
  package var exitStatus: Int32 { 64 }

  /// One problem a line.
  package var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// One thing that is wrong, and where: `CONFIG.yaml:12: model.pth is not a known key; did you mean model.path?`
package struct ConfigurationProblem: Equatable, Sendable, CustomStringConvertible {
  package let source: ConfigurationSource
  package let message: String

  package init(_ source: ConfigurationSource, _ message: String) {
    self.source = source
    self.message = message
  }

  package var description: String { "\(source): \(message)" }
}
