/// A type that a key's value may have.
protocol ConfigurationValue: Equatable, Sendable {
  /// What is expected, for a message: `a whole number`.
  static var expected: String { get }
  static func read(_ node: ConfigurationNode) throws(ConfigurationMismatch) -> Self
  var written: ConfigurationNode.Value { get }
}

/// A value of the wrong type: where, and what was expected there.
struct ConfigurationMismatch: Error {
  let source: ConfigurationSource
  let message: String

  init(_ source: ConfigurationSource, _ message: String) {
    self.source = source
    self.message = message
  }

  init(_ node: ConfigurationNode, expected: String) {
    self.init(node.source, "expected \(expected), found \(node.found)")
  }
}

extension Bool: ConfigurationValue {
  static var expected: String { "true or false" }

  static func read(_ node: ConfigurationNode) throws(ConfigurationMismatch) -> Bool {
    guard case .bool(let value) = node.value else { throw ConfigurationMismatch(node, expected: expected) }
    return value
  }

  var written: ConfigurationNode.Value { .bool(self) }
}

extension Int: ConfigurationValue {
  static var expected: String { "a whole number" }

  /// `1e3` and `64.0` are whole numbers too.
  static func read(_ node: ConfigurationNode) throws(ConfigurationMismatch) -> Int {
    switch node.value {
    case .int(let value): return value
    case .double(let value):
      guard let whole = Int(exactly: value) else { throw ConfigurationMismatch(node, expected: expected) }
      return whole
    default: throw ConfigurationMismatch(node, expected: expected)
    }
  }

  var written: ConfigurationNode.Value { .int(self) }
}

extension Double: ConfigurationValue {
  static var expected: String { "a number" }

  static func read(_ node: ConfigurationNode) throws(ConfigurationMismatch) -> Double {
    switch node.value {
    case .int(let value): return Double(value)
    case .double(let value) where value.isFinite: return value
    default: throw ConfigurationMismatch(node, expected: expected)
    }
  }

  var written: ConfigurationNode.Value { .double(self) }
}

extension String: ConfigurationValue {
  static var expected: String { "text" }

  static func read(_ node: ConfigurationNode) throws(ConfigurationMismatch) -> String {
    guard case .string(let value) = node.value else { throw ConfigurationMismatch(node, expected: expected) }
    return value
  }

  var written: ConfigurationNode.Value { .string(self) }
}

extension Optional: ConfigurationValue where Wrapped: ConfigurationValue {
  static var expected: String { "\(Wrapped.expected) or null" }

  static func read(_ node: ConfigurationNode) throws(ConfigurationMismatch) -> Wrapped? {
    node.value == .null ? nil : try Wrapped.read(node)
  }

  var written: ConfigurationNode.Value { map(\.written) ?? .null }
}

extension Array: ConfigurationValue where Element: ConfigurationValue {
  static var expected: String { "a list" }

  static func read(_ node: ConfigurationNode) throws(ConfigurationMismatch) -> [Element] {
    let items: [ConfigurationNode]
    switch node.value {
    case .list(let list): items = list
    case .null, .map: throw ConfigurationMismatch(node, expected: expected)
    default:
      throw ConfigurationMismatch(node.source, "expected a list, found \(node.found); write [\(node.value.flow)]")
    }
    var elements: [Element] = []
    for item in items { elements.append(try Element.read(item)) }
    return elements
  }

  var written: ConfigurationNode.Value { .list(map { ConfigurationNode($0.written, at: .resolved) }) }
}

/// A key that takes one of a few words.
protocol ConfigurationChoice: ConfigurationValue, RawRepresentable, CaseIterable where RawValue == String {}

extension ConfigurationChoice {
  static var expected: String { "one of \(allCases.map(\.rawValue).joined(separator: ", "))" }

  static func read(_ node: ConfigurationNode) throws(ConfigurationMismatch) -> Self {
    guard case .string(let text) = node.value, let choice = Self(rawValue: text) else {
      throw ConfigurationMismatch(node, expected: expected)
    }
    return choice
  }

  var written: ConfigurationNode.Value { .string(rawValue) }
}

extension ConfigurationSource {
  /// Of nodes that were written by the program, not read.
  static let resolved = ConfigurationSource(file: "the resolved configuration")
}

extension ConfigurationNode.Entry {
  /// An entry that was written by the program.
  init(key: String, _ value: ConfigurationNode.Value) {
    self.init(key: key, keySource: .resolved, node: ConfigurationNode(value, at: .resolved))
  }
}
