/// Writes a zip archive of stored files, one after another, each one's data at a multiple of 64 bytes, as PyTorch does.
///
/// - Precondition: it stays below 4 GiB and 65,536 entries, so it needs no zip64.
struct ZipWriter {
  private var output: OutputFile
  private var offset = 0
  private var directory: [UInt8] = []
  private var entryCount = 0

  private static let alignment = 64

  init(_ output: OutputFile) { self.output = output }

  /// Adds the file `name` with these bytes.
  mutating func add(_ name: String, _ bytes: RawSpan) throws {
    let name = Array(name.utf8)
    let start = offset
    let fixed = fields(
      (2, 10), (2, 0), (2, 0),  // version needed 1.0, no flags, stored
      (2, 0), (2, 0x21),  // 0:00 of 1 January 1980: the bytes depend on the content alone
      (4, Int(crc32(bytes))), (4, bytes.byteCount), (4, bytes.byteCount), (2, name.count))
    let header = start + 30 + name.count + 4
    let padding = (Self.alignment - header % Self.alignment) % Self.alignment
    try append(fields((4, 0x0403_4B50)) + fixed + fields((2, 4 + padding)) + name)
    // An extra field of PyTorch's, "FB", that says nothing.
    try append(fields((2, 0x4246), (2, padding)) + [UInt8](repeating: UInt8(ascii: "Z"), count: padding))
    try output.append(bytes)
    offset += bytes.byteCount
    // Made by version 1.0; no extra field, no comment; disk 0, no attributes.
    directory += fields((4, 0x0201_4B50), (2, 10)) + fixed + fields((2, 0), (2, 0), (2, 0), (2, 0), (4, 0), (4, start))
    directory += name
    entryCount += 1
  }

  /// Ends the archive and gives what it was written to.
  consuming func finish() throws -> OutputFile {
    let end = fields(
      (4, 0x0605_4B50), (2, 0), (2, 0), (2, entryCount), (2, entryCount), (4, directory.count), (4, offset), (2, 0))
    try append(directory + end)
    return output
  }

  private mutating func append(_ bytes: [UInt8]) throws {
    try output.append(bytes)
    offset += bytes.count
  }

  /// Little-endian numbers, each of so many bytes.
  private func fields(_ numbers: (width: Int, value: Int)...) -> [UInt8] {
    numbers.flatMap { width, value in
      precondition(value >> (8 * width) == 0, "\(value) does not fit a zip archive's field of \(width) bytes")
      return (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
  }
}
