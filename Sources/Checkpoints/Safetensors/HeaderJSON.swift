/// A JSON value of a safetensors header: members in file order, duplicates kept so that they can be refused.
///
/// Foundation's parsers keep one of two equal keys and say nothing; a tensor would be dropped.
indirect enum HeaderJSON {
  case object([(key: String, value: HeaderJSON)])
  case array([HeaderJSON])
  case string(String)
  /// A whole number without a sign.
  case integer(Int)
  /// Any other number, `true`, `false` or `null`, as it is written.
  case other(String)
}

/// Where a text stops being JSON.
struct HeaderJSONError: Error, Equatable, CustomStringConvertible {
  let expected: String
  let found: String
  /// Bytes from the start of the text.
  let offset: Int

  var description: String { "expected \(expected) at byte \(offset) of the header, found \(found)" }
}

/// Reads one JSON value from bytes.
struct HeaderJSONParser {
  private let bytes: [UInt8]
  private var offset = 0
  private var depth = 0

  /// The value that `bytes` spell; only white space may follow it.
  static func parse(_ bytes: [UInt8]) throws(HeaderJSONError) -> HeaderJSON {
    var parser = HeaderJSONParser(bytes: bytes)
    let value = try parser.value()
    guard parser.next() == nil else { throw parser.error("the end") }
    return value
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  private mutating func value() throws(HeaderJSONError) -> HeaderJSON {
    depth += 1
    defer { depth -= 1 }
    // A tensor's shape lies at depth 3; a header of a million brackets must not exhaust the stack.
    guard depth <= 16 else { throw error("at most 16 levels") }
    switch next() {
    case UInt8(ascii: "{"): return .object(try members())
    case UInt8(ascii: "["): return .array(try elements())
    case UInt8(ascii: "\""): return .string(try string())
    default: return try bareWord()
    }
  }

  private mutating func members() throws(HeaderJSONError) -> [(key: String, value: HeaderJSON)] {
    var members: [(key: String, value: HeaderJSON)] = []
    offset += 1
    if take("}") { return members }
    repeat {
      guard next() == UInt8(ascii: "\"") else { throw error("a name in quotes") }
      let key = try string()
      guard take(":") else { throw error("':'") }
      members.append((key, try value()))
    } while take(",")
    guard take("}") else { throw error("',' or '}'") }
    return members
  }

  private mutating func elements() throws(HeaderJSONError) -> [HeaderJSON] {
    var elements: [HeaderJSON] = []
    offset += 1
    if take("]") { return elements }
    repeat { elements.append(try value()) } while take(",")
    guard take("]") else { throw error("',' or ']'") }
    return elements
  }

  /// A number, `true`, `false` or `null`.
  private mutating func bareWord() throws(HeaderJSONError) -> HeaderJSON {
    let start = offset
    while offset < bytes.count, isWordByte(bytes[offset]) { offset += 1 }
    let word = String(decoding: bytes[start..<offset], as: UTF8.self)
    if let integer = Int(word), word.first!.isNumber, word.count == 1 || word.first != "0" { return .integer(integer) }
    guard ["true", "false", "null"].contains(word) || Double(word) != nil else {
      offset = start
      throw error("a JSON value")
    }
    return .other(word)
  }

  private func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "E"): true
    default: false
    }
  }

  private mutating func string() throws(HeaderJSONError) -> String {
    offset += 1
    var characters: [UInt8] = []
    while offset < bytes.count, bytes[offset] != UInt8(ascii: "\"") {
      guard bytes[offset] >= 0x20 else { throw error("a character that may stand in a string") }
      if bytes[offset] == UInt8(ascii: "\\") {
        characters.append(contentsOf: String(try escape()).utf8)
      } else {
        characters.append(bytes[offset])
        offset += 1
      }
    }
    guard offset < bytes.count else { throw error("the end of a string") }
    guard let string = String(validating: characters, as: UTF8.self) else { throw error("a string in UTF-8") }
    offset += 1
    return string
  }

  private mutating func escape() throws(HeaderJSONError) -> Unicode.Scalar {
    let plain: [UInt8: Unicode.Scalar] = [
      UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/", UInt8(ascii: "b"): "\u{8}",
      UInt8(ascii: "f"): "\u{c}", UInt8(ascii: "n"): "\n", UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
    ]
    offset += 1
    guard offset < bytes.count else { throw error("the end of a string") }
    if let scalar = plain[bytes[offset]] {
      offset += 1
      return scalar
    }
    let high = try hexadecimalUnit()
    if let scalar = Unicode.Scalar(high) { return scalar }
    // Scalars above U+FFFF are written as two escapes, a high and a low surrogate.
    guard high < 0xDC00, offset < bytes.count, bytes[offset] == UInt8(ascii: "\\") else {
      throw error("a surrogate pair")
    }
    offset += 1
    let low = try hexadecimalUnit()
    guard 0xDC00...0xDFFF ~= low, let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)) else {
      throw error("a surrogate pair")
    }
    return scalar
  }

  /// The `u` and four digits after a backslash.
  private mutating func hexadecimalUnit() throws(HeaderJSONError) -> UInt32 {
    let digits = bytes[offset...].dropFirst().prefix(4)
    guard offset < bytes.count, bytes[offset] == UInt8(ascii: "u"), digits.count == 4,
      digits.allSatisfy({ $0 != 0x2B }),
      let unit = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw error("an escape") }
    offset += 5
    return unit
  }

  /// The next byte that is not white space, left unread.
  private mutating func next() -> UInt8? {
    while offset < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[offset]) { offset += 1 }
    return offset < bytes.count ? bytes[offset] : nil
  }

  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard next() == UInt8(ascii: byte) else { return false }
    offset += 1
    return true
  }

  private func error(_ expected: String) -> HeaderJSONError {
    let found =
      offset < bytes.count ? String(decoding: bytes[offset...].prefix(12), as: UTF8.self).debugDescription : "the end"
    return HeaderJSONError(expected: expected, found: found, offset: offset)
  }
}
