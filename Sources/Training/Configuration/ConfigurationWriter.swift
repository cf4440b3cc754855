/// Writes every key of a configuration with its value.
struct ConfigurationWriter: ConfigurationVisitor {
  /// Key paths with their values, in the order of the file.
  private(set) var leaves: [(key: String, value: ConfigurationNode.Value)] = []
  /// What has been written of the innermost open section.
  private(set) var entries: [ConfigurationNode.Entry] = []
  private var path: [String] = []

  mutating func section(_ key: String, _ body: (inout Self) -> Void) {
    let before = entries
    entries = []
    path.append(key)
    body(&self)
    path.removeLast()
    entries = before + [.init(key: key, .map(entries))]
  }

  mutating func value<Value: ConfigurationValue>(_ key: String, _ value: inout Value, _ allowed: Allowed<Value>) {
    leaves.append(((path + [key]).joined(separator: "."), value.written))
    entries.append(.init(key: key, value.written))
  }
}

extension Configuration {
  /// Every key path with its value, in the order of the file.
  var leaves: [(key: String, value: ConfigurationNode.Value)] { written.leaves }

  /// The same, each value as YAML on one line.
  package var entries: [(key: String, value: String)] { leaves.map { ($0.key, $0.value.flow) } }

  /// The whole configuration as YAML: all keys with their values, in the order of the file.
  ///
  /// Read again it gives the same configuration, to the last bit of every number.
  package var resolvedYAML: String {
    var text = "# Every key with the value it has in this run; written by colbert.\n"
    for section in written.entries {
      guard case .map(let keys) = section.node.value else { preconditionFailure("\(section.key) is not a section") }
      text += "\(section.key):\n"
      for key in keys { text += "  \(key.key): \(key.node.value.flow)\n" }
    }
    return text
  }

  private var written: ConfigurationWriter {
    var writer = ConfigurationWriter()
    var copy = self
    copy.visit(&writer)
    return writer
  }
}

extension ConfigurationNode.Value {
  /// This value as YAML on one line: `{top: 2}`, `[a, b]`, `"a text: with punctuation"`.
  var flow: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .double(let value): value.rounded() == value && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
    case .string(let value): value.isPlainInYAML ? value : value.quotedInYAML
    case .list(let items): "[\(items.map(\.value.flow).joined(separator: ", "))]"
    case .map(let entries): "{\(entries.map { "\($0.key): \($0.node.value.flow)" }.joined(separator: ", "))}"
    }
  }
}

extension String {
  /// Whether every YAML reader takes this text for itself without quotes: a word or a path, not `null`, `yes` or `on`.
  fileprivate var isPlainInYAML: Bool {
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
    let isWord = unicodeScalars.allSatisfy {
      $0.isASCII && ($0.properties.isAlphabetic || "0123456789_-./".unicodeScalars.contains($0))
    }
    return isWord && unicodeScalars.first?.properties.isAlphabetic == true && !words.contains(lowercased())
  }

  /// This text in double quotes, with YAML's escapes for what cannot be written as it is.
  fileprivate var quotedInYAML: String {
    let escaped = unicodeScalars.map { scalar in
      switch scalar {
      case "\"": "\\\""
      case "\\": "\\\\"
      case "\n": "\\n"
      case "\t": "\\t"
      case _
      where scalar.properties.generalCategory == .control || "\u{2028}\u{2029}\u{FEFF}".unicodeScalars.contains(scalar):
        "\\u" + String(repeating: "0", count: 4 - String(scalar.value, radix: 16).count)
          + String(scalar.value, radix: 16)
      default: String(scalar)
      }
    }
    return "\"\(escaped.joined())\""
  }
}
