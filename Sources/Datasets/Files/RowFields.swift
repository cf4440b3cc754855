import Tokenizers

/// The fields of one line of a JSON Lines file, read by name. Fields that nobody asks for may be anything.
struct RowFields {
  private let members: [(key: String, value: JSONValue)]

  /// Throws a `RowDefect` unless the line is a JSON object with different keys.
  init(_ line: [UInt8]) throws(RowDefect) {
    let value: JSONValue
    do {
      value = try JSONParser.parse(line)
    } catch {
      let rest = String(decoding: line[error.offset...].prefix(12), as: UTF8.self)
      let near = rest.isEmpty ? "" : ", near \"\(rest)\""
      throw RowDefect(
        reason: "the line is not valid JSON: \(error.problem), at byte \(error.offset + 1) of the line\(near)")
    }
    guard case .object(let members) = value else {
      throw RowDefect(reason: "the line must be a JSON object, but it is \(value.kind)")
    }
    self.members = members
    if let key = repeatedKey { throw RowDefect(reason: "\"\(key)\" stands in the line twice") }
  }

  func string(_ key: String) throws(RowDefect) -> String { try string(try value(key), key) }

  /// Nil if the field is absent or null.
  func stringIfPresent(_ key: String) throws(RowDefect) -> String? {
    guard let value = valueIfPresent(key) else { return nil }
    return try string(value, key)
  }

  /// A whole number.
  func integer(_ key: String) throws(RowDefect) -> Int {
    let value = try value(key)
    guard case .number(let number) = value, let integer = Int(exactly: number) else {
      throw mismatch(key, "a whole number", value)
    }
    return integer
  }

  func strings(_ key: String) throws(RowDefect) -> [String] { try strings(try value(key), key) }

  /// Nil if the field is absent or null.
  func stringsIfPresent(_ key: String) throws(RowDefect) -> [String]? {
    guard let value = valueIfPresent(key) else { return nil }
    return try strings(value, key)
  }

  /// Nil if the field is absent or null.
  func numbersIfPresent(_ key: String) throws(RowDefect) -> [Double]? {
    guard let value = valueIfPresent(key) else { return nil }
    var numbers: [Double] = []
    for (index, element) in try elements(value, key).enumerated() {
      guard case .number(let number) = element else { throw mismatch("\(key)[\(index)]", "a number", element) }
      numbers.append(number)
    }
    return numbers
  }

  /// All fields but `key`, which must be numbers, in the line's order.
  func numbers(besides key: String) throws(RowDefect) -> [(name: String, value: Double)] {
    var numbers: [(name: String, value: Double)] = []
    for (name, value) in members where name != key {
      guard case .number(let number) = value else { throw mismatch(name, "a number", value) }
      numbers.append((name, number))
    }
    return numbers
  }

  private func strings(_ value: JSONValue, _ key: String) throws(RowDefect) -> [String] {
    var strings: [String] = []
    for (index, element) in try elements(value, key).enumerated() {
      guard case .string(let text) = element else { throw mismatch("\(key)[\(index)]", "a string", element) }
      strings.append(text)
    }
    return strings
  }

  private func string(_ value: JSONValue, _ key: String) throws(RowDefect) -> String {
    guard case .string(let text) = value else { throw mismatch(key, "a string", value) }
    return text
  }

  private func elements(_ value: JSONValue, _ key: String) throws(RowDefect) -> [JSONValue] {
    guard case .array(let elements) = value else { throw mismatch(key, "a list", value) }
    return elements
  }

  private func value(_ key: String) throws(RowDefect) -> JSONValue {
    guard let value = members.first(where: { $0.key == key })?.value else {
      throw RowDefect(reason: "the field \"\(key)\" is missing")
    }
    return value
  }

  private func valueIfPresent(_ key: String) -> JSONValue? {
    guard let value = members.first(where: { $0.key == key })?.value else { return nil }
    if case .null = value { return nil }
    return value
  }

  private func mismatch(_ name: String, _ expected: String, _ value: JSONValue) -> RowDefect {
    RowDefect(reason: "\"\(name)\" must be \(expected), but it is \(value.kind)")
  }

  /// A key of two fields, of which either could be meant. The same bytes: another spelling of a character is another key.
  private var repeatedKey: String? {
    members.indices.first { later in members[..<later].contains { $0.key.utf8.elementsEqual(members[later].key.utf8) } }
      .map { members[$0].key }
  }
}

/// What is wrong with a line, without its place.
struct RowDefect: Error {
  let reason: String
}

extension JSONValue {
  /// What it is, in a message.
  fileprivate var kind: String {
    switch self {
    case .null: "null"
    case .bool: "true or false"
    case .number: "a number"
    case .string: "a string"
    case .array: "a list"
    case .object: "an object"
    }
  }
}
