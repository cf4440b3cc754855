/// A JSON value, with everything that was written: Foundation's decoders drop one of two equal keys without a word, and take
/// canonically equivalent ones (U+212B and U+00C5) as equal; in a vocabulary they are two tokens.
package enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([(key: String, value: JSONValue)])
}

/// Where and why a text is not JSON.
package struct JSONError: Error {
  package let problem: String
  /// The byte at which that shows.
  package let offset: Int
}

/// Reads one JSON document, strictly (RFC 8259), from valid UTF-8.
package struct JSONParser {
  /// Deeper nesting is refused, so that a hostile file cannot exhaust the stack.
  private static let deepest = 128

  private let utf8: [UInt8]
  private var position = 0

  /// The value of the document `utf8`.
  package static func parse(_ utf8: [UInt8]) throws(JSONError) -> JSONValue {
    var parser = JSONParser(utf8: utf8)
    let value = try parser.value(depth: 0)
    parser.skipWhitespace()
    guard parser.position == utf8.count else { throw parser.failure("text after the end of the JSON document") }
    return value
  }

  private init(utf8: [UInt8]) { self.utf8 = utf8 }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    guard depth < Self.deepest else { throw failure("nested deeper than \(Self.deepest) levels") }
    skipWhitespace()
    switch peek {
    case UInt8(ascii: "{"): return .object(try members(depth: depth))
    case UInt8(ascii: "["): return .array(try elements(depth: depth))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: return .number(try number())
    }
  }

  private mutating func members(depth: Int) throws(JSONError) -> [(key: String, value: JSONValue)] {
    var members: [(key: String, value: JSONValue)] = []
    position += 1
    skipWhitespace()
    if take("}") { return members }
    while true {
      skipWhitespace()
      guard peek == UInt8(ascii: "\"") else { throw unexpected("a key in double quotes") }
      let key = try string()
      skipWhitespace()
      guard take(":") else { throw unexpected("':' after the key \"\(key)\"") }
      members.append((key, try value(depth: depth + 1)))
      skipWhitespace()
      if take("}") { return members }
      guard take(",") else { throw unexpected("',' or '}'") }
    }
  }

  private mutating func elements(depth: Int) throws(JSONError) -> [JSONValue] {
    var elements: [JSONValue] = []
    position += 1
    skipWhitespace()
    if take("]") { return elements }
    while true {
      elements.append(try value(depth: depth + 1))
      skipWhitespace()
      if take("]") { return elements }
      guard take(",") else { throw unexpected("',' or ']'") }
    }
  }

  private mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    skipPlain()
    if peek == UInt8(ascii: "\"") {
      defer { position += 1 }
      return String(decoding: utf8[start..<position], as: UTF8.self)
    }
    return try stringWithEscapes(from: start)
  }

  /// The string that starts at `start`, of which all up to here is plain.
  private mutating func stringWithEscapes(from start: Int) throws(JSONError) -> String {
    var content = Array(utf8[start..<position])
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return String(decoding: content, as: UTF8.self)
      case UInt8(ascii: "\\"):
        position += 1
        content += try escaped()
      case 0..<0x20:
        throw failure("a control character in a string; write it as \\u00…")
      default:
        let plain = position
        skipPlain()
        content += utf8[plain..<position]
      }
    }
    throw unexpected("the end of a string")
  }

  /// Moves to the next byte that ends a string or that a string cannot have as it is.
  private mutating func skipPlain() {
    while position < utf8.count {
      let byte = utf8[position]
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { return }
      position += 1
    }
  }

  /// The UTF-8 of the escape whose backslash was just read.
  private mutating func escaped() throws(JSONError) -> [UInt8] {
    guard let byte = peek else { throw unexpected("an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "u"): return Array(String(Character(try escapedScalar())).utf8)
    default: throw failure("an unknown escape in a string: \\\(String(decoding: [byte], as: UTF8.self))")
    }
  }

  private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
    var value = try fourHexDigits()
    if (0xD800..<0xDC00).contains(value), take("\\"), take("u") {
      let low = try fourHexDigits()
      guard (0xDC00..<0xE000).contains(low) else { throw failure("half a surrogate pair in a string") }
      value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(value) else { throw failure("half a surrogate pair in a string") }
    return scalar
  }

  private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw unexpected("four hexadecimal digits after \\u")
      }
      value = value << 4 + UInt32(digit)
      position += 1
    }
    return value
  }

  private mutating func number() throws(JSONError) -> Double {
    let start = position
    _ = take("-")
    if !take("0") { try digits(of: start) }
    if take(".") { try digits(of: start) }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try digits(of: start)
    }
    let text = String(decoding: utf8[start..<position], as: UTF8.self)
    guard let number = Double(text), number.isFinite else {
      position = start
      throw failure("the number \(text) is too large")
    }
    return number
  }

  /// At least one digit of the number that starts at `start`.
  private mutating func digits(of start: Int) throws(JSONError) {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard let byte = peek, digits.contains(byte) else {
      // Python writes these, and other parsers read them.
      for word in ["NaN", "Infinity", "-Infinity"] where utf8[start...].starts(with: word.utf8) {
        position = start
        throw failure("\(word) is not a JSON number")
      }
      throw unexpected("a JSON value")
    }
    while let byte = peek, digits.contains(byte) { position += 1 }
  }

  private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    let word = Array("\(text)".utf8)
    guard utf8[position...].starts(with: word) else { throw unexpected("a JSON value") }
    position += word.count
    return value
  }

  private var peek: UInt8? { position < utf8.count ? utf8[position] : nil }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func skipWhitespace() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private func unexpected(_ wanted: String) -> JSONError {
    failure(position < utf8.count ? "expected \(wanted)" : "it ends in the middle: expected \(wanted)")
  }

  private func failure(_ problem: String) -> JSONError { JSONError(problem: problem, offset: position) }
}
