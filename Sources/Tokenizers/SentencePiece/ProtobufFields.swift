/// The fields of one protobuf message, in the order in which they lie.
///
/// libsentencepiece checks a model and lists its pieces, but keeps the rest of the file to itself.
struct ProtobufFields: Sequence, IteratorProtocol {
  enum Value {
    case number(UInt64)
    case bytes(ArraySlice<UInt8>)
    /// Four or eight bytes, which nobody asks for.
    case fixed
  }

  private var rest: ArraySlice<UInt8>

  /// `message` is one that a protobuf parser has read; the fields end where it is malformed after all.
  init(_ message: ArraySlice<UInt8>) { rest = message }

  mutating func next() -> (number: UInt64, value: Value)? {
    guard let key = varint() else { return nil }
    switch key & 7 {
    case 0: return varint().map { (key >> 3, .number($0)) }
    case 1: return take(8).map { _ in (key >> 3, .fixed) }
    case 2: return varint().flatMap { Int(exactly: $0) }.flatMap { take($0) }.map { (key >> 3, .bytes($0)) }
    case 5: return take(4).map { _ in (key >> 3, .fixed) }
    default: return nil
    }
  }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    return nil
  }

  private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count <= rest.count else { return nil }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }
}

extension ArraySlice<UInt8> {
  /// The last field of this number that is a number itself, as protobuf reads a field that is there twice.
  func number(_ field: UInt64) -> UInt64? {
    var found: UInt64?
    for case (field, .number(let value)) in ProtobufFields(self) { found = value }
    return found
  }

  /// The last field of this number that holds bytes, or a message.
  func bytes(_ field: UInt64) -> ArraySlice<UInt8>? {
    var found: ArraySlice<UInt8>?
    for case (field, .bytes(let value)) in ProtobufFields(self) { found = value }
    return found
  }
}
