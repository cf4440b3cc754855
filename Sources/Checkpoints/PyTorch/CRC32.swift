/// The CRC-32 of zip archives: polynomial 0x04C11DB7, bits reflected, start and result inverted.
///
/// Eight bytes at a time, after Kounavis and Berry, "A systematic approach to building high performance software-based
/// CRC generators" (2005): table k advances a byte by k more bytes.
func crc32(_ bytes: RawSpan) -> UInt32 {
  unsafe tables.withUnsafeBufferPointer { table in
    unsafe bytes.withUnsafeBytes { bytes in
      var crc: UInt32 = ~0
      var offset = 0
      while bytes.count - offset >= 8 {
        let word = unsafe UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        let low = UInt32(truncatingIfNeeded: word) ^ crc
        let high = UInt32(truncatingIfNeeded: word >> 32)
        unsafe crc =
          table[0x700 | Int(low & 0xFF)] ^ table[0x600 | Int(low >> 8 & 0xFF)]
          ^ table[0x500 | Int(low >> 16 & 0xFF)] ^ table[0x400 | Int(low >> 24)]
          ^ table[0x300 | Int(high & 0xFF)] ^ table[0x200 | Int(high >> 8 & 0xFF)]
          ^ table[0x100 | Int(high >> 16 & 0xFF)] ^ table[Int(high >> 24)]
        offset += 8
      }
      while offset < bytes.count {
        unsafe crc = table[Int((crc ^ UInt32(bytes[offset])) & 0xFF)] ^ crc >> 8
        offset += 1
      }
      return ~crc
    }
  }
}

/// Table k at `256 * k`.
private let tables: [UInt32] = {
  var tables = [UInt32](repeating: 0, count: 8 * 256)
  for byte in 0..<256 {
    tables[byte] = (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB8_8320 }
  }
  for index in 256..<8 * 256 {
    let before = tables[index - 256]
    tables[index] = tables[Int(before & 0xFF)] ^ before >> 8
  }
  return tables
}()
