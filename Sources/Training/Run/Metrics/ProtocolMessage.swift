/// A message as Protocol Buffers write it (protobuf.dev/programming-guides/encoding): fields in the order of the calls.
struct ProtocolMessage {
  private(set) var bytes: [UInt8] = []

  private enum WireType: UInt64 {
    case varint = 0
    case eightBytes = 1
    case counted = 2
    case fourBytes = 5
  }

  /// A field of type int32, int64 or an enumeration.
  mutating func append(_ field: UInt64, _ value: Int) {
    append(field, .varint)
    append(varint: UInt64(bitPattern: Int64(value)))
  }

  mutating func append(_ field: UInt64, _ value: Double) {
    append(field, .eightBytes)
    append(littleEndian: value.bitPattern)
  }

  mutating func append(_ field: UInt64, _ value: Float) {
    append(field, .fourBytes)
    append(littleEndian: value.bitPattern)
  }

  mutating func append(_ field: UInt64, _ value: String) { append(field, counted: Array(value.utf8)) }

  mutating func append(_ field: UInt64, _ value: ProtocolMessage) { append(field, counted: value.bytes) }

  private mutating func append(_ field: UInt64, counted value: [UInt8]) {
    append(field, .counted)
    append(varint: UInt64(value.count))
    bytes += value
  }

  private mutating func append(_ field: UInt64, _ type: WireType) { append(varint: field << 3 | type.rawValue) }

  /// Seven bits a byte, the lowest first; the eighth says that more follow.
  private mutating func append(varint value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func append(littleEndian value: some FixedWidthInteger) {
    for shift in stride(from: 0, to: value.bitWidth, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }
}
