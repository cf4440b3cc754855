/// A JSON value that keeps what a vocabulary needs: the exact keys of an object.
///
/// Foundation's decoders put keys into dictionaries, where canonically equivalent keys (U+212B and U+00C5) are one key;
/// in a vocabulary they are two tokens.
enum JSONValue {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([(key: String, value: JSONValue)])
}

/// Reads one JSON document, strictly (RFC 8259), from valid UTF-8; errors name the line.
struct JSONParser {
  /// Deeper nesting is refused, so that a hostile file cannot exhaust the stack.
  private static let deepest = 128

  private let file: String
  private let utf8: [UInt8]
  private var position = 0

  init(file: String, utf8: [UInt8]) {
    self.file = file
    self.utf8 = utf8
  }

  /// The document's value.
  mutating func parse() throws(TokenizerError) -> JSONValue {
    let value = try value(depth: 0)
    skipWhitespace()
    guard position == utf8.count else { throw failure("text after the end of the JSON document") }
    return value
  }

  private mutating func value(depth: Int) throws(TokenizerError) -> JSONValue {
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

  private mutating func members(depth: Int) throws(TokenizerError) -> [(key: String, value: JSONValue)] {
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

  private mutating func elements(depth: Int) throws(TokenizerError) -> [JSONValue] {
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

  private mutating func string() throws(TokenizerError) -> String {
    position += 1
    var content: [UInt8] = []
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
        content.append(byte)
        position += 1
      }
    }
    throw unexpected("the end of a string")
  }

  /// The UTF-8 of the escape whose backslash was just read.
  private mutating func escaped() throws(TokenizerError) -> [UInt8] {
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

  private mutating func escapedScalar() throws(TokenizerError) -> Unicode.Scalar {
    var value = try fourHexDigits()
    if (0xD800..<0xDC00).contains(value), take("\\"), take("u") {
      let low = try fourHexDigits()
      guard (0xDC00..<0xE000).contains(low) else { throw failure("half a surrogate pair in a string") }
      value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(value) else { throw failure("half a surrogate pair in a string") }
    return scalar
  }

  private mutating func fourHexDigits() throws(TokenizerError) -> UInt32 {
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

  private mutating func number() throws(TokenizerError) -> Double {
    let start = position
    _ = take("-")
    if !take("0") { try digits() }
    if take(".") { try digits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try digits()
    }
    return Double(String(decoding: utf8[start..<position], as: UTF8.self))!
  }

  private mutating func digits() throws(TokenizerError) {
    let isDigit = { (byte: UInt8?) in byte.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false }
    guard isDigit(peek) else { throw unexpected("a JSON value") }
    while isDigit(peek) { position += 1 }
  }

  private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(TokenizerError) -> JSONValue {
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

  private func unexpected(_ wanted: String) -> TokenizerError {
    failure(
      position < utf8.count ? "malformed JSON: expected \(wanted)" : "the JSON ends in the middle: expected \(wanted)")
  }

  private func failure(_ problem: String) -> TokenizerError {
    let line = 1 + utf8[..<position].count { $0 == UInt8(ascii: "\n") }
    return TokenizerError(file: file, line: line, problem: problem)
  }
}
