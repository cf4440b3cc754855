/// The element types that a safetensors header may name, by the names it uses.
package enum ElementType: String, Sendable, CaseIterable {
  case bool = "BOOL"
  case uint8 = "U8"
  case int8 = "I8"
  case float8E5M2 = "F8_E5M2"
  case float8E4M3 = "F8_E4M3"
  case float8E8M0 = "F8_E8M0"
  case int16 = "I16"
  case uint16 = "U16"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case int32 = "I32"
  case uint32 = "U32"
  case float32 = "F32"
  case int64 = "I64"
  case uint64 = "U64"
  case float64 = "F64"
  case complex64 = "C64"

  /// Bytes of one element.
  package var size: Int {
    switch self {
    case .bool, .uint8, .int8, .float8E5M2, .float8E4M3, .float8E8M0: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32: 4
    case .int64, .uint64, .float64, .complex64: 8
    }
  }
}

extension ElementType {
  /// Whether `toFloats` can read it.
  package var isConvertible: Bool { [.float32, .float16, .bfloat16, .float64].contains(self) }

  /// Writes the little-endian elements that lie in `source` as floats to `target`, rounding to nearest.
  ///
  /// - Precondition: the type is convertible and `source` holds `target.count` elements, aligned or not.
  func toFloats(_ source: UnsafeRawBufferPointer, _ target: UnsafeMutableBufferPointer<Float>) {
    precondition(
      isConvertible && source.count == target.count * size,
      "\(source.count) bytes of \(rawValue) into \(target.count) floats")
    switch self {
    case .float16:
      for i in 0..<target.count {
        unsafe target[i] = Float(Float16(bitPattern: source.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self)))
      }
    case .bfloat16:
      for i in 0..<target.count {
        let high = unsafe source.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self)
        unsafe target[i] = Float(bitPattern: UInt32(high) << 16)
      }
    case .float64:
      for i in 0..<target.count {
        unsafe target[i] = Float(source.loadUnaligned(fromByteOffset: i * 8, as: Double.self))
      }
    default:
      unsafe UnsafeMutableRawBufferPointer(target).copyMemory(from: source)
    }
  }
}
