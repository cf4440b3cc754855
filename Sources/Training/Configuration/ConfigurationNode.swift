/// A piece of a configuration as it was written: YAML without its syntax.
///
/// The command line makes it from a file and from `--set`; nothing here knows how YAML is parsed.
package struct ConfigurationNode: Equatable, Sendable {
  package enum Value: Equatable, Sendable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case list([ConfigurationNode])
    /// Keys in the order of the file, each once.
    case map([Entry])
  }

  /// A key of a map with what stands below it.
  package struct Entry: Equatable, Sendable {
    package let key: String
    package let keySource: ConfigurationSource
    package var node: ConfigurationNode

    package init(key: String, keySource: ConfigurationSource, node: ConfigurationNode) {
      self.key = key
      self.keySource = keySource
      self.node = node
    }
  }

  package var value: Value
  package var source: ConfigurationSource

  package init(_ value: Value, at source: ConfigurationSource) {
    self.value = value
    self.source = source
  }

  /// What stands here, for a message: `the text "abc"`, `0.5`, `a list`.
  var found: String {
    switch value {
    case .null: "nothing (null)"
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .double(let value): "\(value)"
    case .string(let value): "the text \"\(value)\""
    case .list: "a list"
    case .map: "a map"
    }
  }
}

/// Where something was said: `CONFIG.yaml:12`, `--set`, or a file as a whole.
package struct ConfigurationSource: Hashable, Sendable, CustomStringConvertible {
  /// As the command line names it.
  package let file: String
  /// From 1; `nil` for the whole.
  package let line: Int?

  package init(file: String, line: Int? = nil) {
    self.file = file
    self.line = line
  }

  /// An argument of the command line.
  package static let set = ConfigurationSource(file: "--set")

  package var description: String { line.map { "\(file):\($0)" } ?? file }
}

extension ConfigurationNode {
  /// This tree with `override` laid over it: its maps are merged key by key, its other values replace.
  package func overridden(by override: ConfigurationNode) -> ConfigurationNode {
    guard case .map(let others) = override.value else { return override }
    let own: [Entry]
    switch value {
    case .map(let entries): own = entries
    case .null: own = []
    default: return override
    }
    var merged = self
    merged.value = .map(
      others.reduce(into: own) { entries, other in
        guard let place = entries.firstIndex(where: { $0.key == other.key }) else { return entries.append(other) }
        entries[place].node = entries[place].node.overridden(by: other.node)
      })
    return merged
  }

  /// What a scalar without quotes means, after the core schema of YAML 1.2: `no` and `on` are text, `1e-5` is a number.
  package static func plainScalar(_ text: String) -> Value {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .bool(true)
    case "false", "False", "FALSE": return .bool(false)
    default: break
    }
    let isNumber =
      text.utf8.contains { (0x30...0x39).contains($0) } && text.allSatisfy { "+-.eE0123456789".contains($0) }
    guard isNumber else { return .string(text) }
    return Int(text).map(Value.int) ?? Double(text).map(Value.double) ?? .string(text)
  }
}
