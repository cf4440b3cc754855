/// One file of a zip archive.
struct ZipEntry: Sendable {
  let name: String
  /// Where its bytes lie, counted from the start of the archive.
  let bytes: Range<Int>
  /// What its CRC-32 should be; nil if whoever wrote it computed none.
  let crc: UInt32?
  /// How it is compressed: 0 if it is stored as it is.
  let method: Int
}

/// What a zip archive says of itself: files that lie in it without overlap.
///
/// Format: PKWARE's APPNOTE.TXT 6.3.10, with zip64 (4.3.14, 4.3.15, 4.5.3), as `torch.save` writes it. Anything else that
/// the format allows (encryption, several disks, a comment, bytes after the end) is refused; compression, by who reads.
struct ZipArchive {
  let entries: [String: ZipEntry]

  /// Reads and checks the directory of the archive.
  init(_ file: MappedFile) throws {
    let fields = ZipFields(file: file)
    let directory = try ZipDirectory(fields)
    var offset = directory.bytes.lowerBound
    var entries: [String: ZipEntry] = [:]
    var taken: [(entry: ZipEntry, start: Int)] = []
    for _ in 0..<directory.entryCount {
      let header = try ZipHeader(fields, at: offset, end: directory.bytes.upperBound)
      let entry = try header.entry(fields, before: directory.bytes.lowerBound)
      guard entries.updateValue(entry, forKey: entry.name) == nil else {
        throw fields.failure("has the entry \(entry.name) twice")
      }
      taken.append((entry, header.localHeader))
      offset = header.end
    }
    guard offset == directory.bytes.upperBound else {
      throw fields.failure("has \(directory.bytes.upperBound - offset) bytes after its directory's last entry")
    }
    taken.sort { ($0.start, $0.entry.name) < ($1.start, $1.entry.name) }
    for (one, next) in zip(taken, taken.dropFirst()) where next.start < one.entry.bytes.upperBound {
      throw fields.failure("has entries that overlap: \(one.entry.name) and \(next.entry.name)")
    }
    self.entries = entries
  }
}

/// An archive's bytes as little-endian numbers, each known to lie inside.
private struct ZipFields {
  let file: MappedFile

  var count: Int { file.count }

  /// The number of `width` bytes at `offset`.
  func number(_ width: Int, at offset: Int) throws -> UInt64 {
    try bytes(width, at: offset).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// The number of `width` bytes at `offset`, which counts or places bytes of this file.
  func size(_ width: Int, at offset: Int) throws -> Int {
    let number = try number(width, at: offset)
    guard let size = Int(exactly: number) else { throw failure("has a size or place of \(number) bytes") }
    return size
  }

  func bytes(_ length: Int, at offset: Int) throws -> [UInt8] {
    guard offset >= 0, length >= 0, length <= count, offset <= count - length else {
      throw failure("is damaged or cut off: it has \(count) bytes, its directory speaks of byte \(offset)")
    }
    return unsafe file.withBytes { unsafe [UInt8]($0[offset..<offset + length]) }
  }

  func isSignature(_ signature: UInt64, at offset: Int) -> Bool { (try? number(4, at: offset)) == signature }

  func failure(_ problem: String) -> ModelFileError {
    ModelFileError(path: file.path, problem: "as a zip archive, it \(problem)")
  }
}

/// Where the central directory lies, and how many entries it has: the archive's last bytes.
private struct ZipDirectory {
  let bytes: Range<Int>
  let entryCount: Int

  private static let (endLength, locatorLength, end64Length) = (22, 20, 56)

  init(_ fields: ZipFields) throws {
    let end = fields.count - Self.endLength
    guard fields.isSignature(0x0605_4B50, at: end), try fields.number(2, at: end + 20) == 0 else {
      throw fields.failure("does not end as it should: it is cut off, or something was appended")
    }
    let small = (
      count: try fields.size(2, at: end + 10), size: try fields.size(4, at: end + 12),
      offset: try fields.size(4, at: end + 16)
    )
    guard try fields.number(4, at: end + 4) == 0, try fields.size(2, at: end + 8) == small.count else {
      throw fields.failure("is one of several parts")
    }
    let locator = end - Self.locatorLength
    guard fields.isSignature(0x0706_4B50, at: locator) else {
      try self.init(fields, count: small.count, size: small.size, offset: small.offset, end: end)
      return
    }
    // With zip64 the same is said twice; here a field may say instead that the number does not fit.
    let end64 = try fields.size(8, at: locator + 8)
    guard end64 == locator - Self.end64Length, fields.isSignature(0x0606_4B50, at: end64),
      try fields.size(8, at: end64 + 4) == Self.end64Length - 12
    else { throw fields.failure("has a damaged end: its zip64 record is not where it should be") }
    let large = (
      count: try fields.size(8, at: end64 + 32), size: try fields.size(8, at: end64 + 40),
      offset: try fields.size(8, at: end64 + 48)
    )
    guard try fields.number(8, at: end64 + 16) == 0, try fields.size(8, at: end64 + 24) == large.count else {
      throw fields.failure("is one of several parts")
    }
    guard [large.count, 0xFFFF].contains(small.count), [large.size, 0xFFFF_FFFF].contains(small.size),
      [large.offset, 0xFFFF_FFFF].contains(small.offset)
    else { throw fields.failure("has a damaged end: it contradicts its zip64 record") }
    try self.init(fields, count: large.count, size: large.size, offset: large.offset, end: end64)
  }

  private init(_ fields: ZipFields, count: Int, size: Int, offset: Int, end: Int) throws {
    guard size <= end, offset == end - size, count <= size / ZipHeader.fixedLength else {
      throw fields.failure(
        "has a damaged end: it speaks of \(count) entries in \(size) bytes from byte \(offset) to byte \(end)")
    }
    bytes = offset..<end
    entryCount = count
  }
}

/// An entry's header in the central directory.
private struct ZipHeader {
  let name: String
  /// Where the local header, which stands before the data, begins.
  let localHeader: Int
  /// Where this header ends.
  let end: Int
  /// Bytes of the data as they lie in the archive.
  private let size: Int
  private let crc: UInt32
  private let method: Int

  static let fixedLength = 46
  private static let localLength = 30

  /// Reads the header at `offset`, which must not pass `end`.
  init(_ fields: ZipFields, at offset: Int, end: Int) throws {
    guard end - offset >= Self.fixedLength, fields.isSignature(0x0201_4B50, at: offset) else {
      throw fields.failure("has a damaged directory: no entry at byte \(offset)")
    }
    let lengths = (
      name: try fields.size(2, at: offset + 28), extra: try fields.size(2, at: offset + 30),
      comment: try fields.size(2, at: offset + 32)
    )
    self.end = offset + Self.fixedLength + lengths.name + lengths.extra + lengths.comment
    guard self.end <= end else { throw fields.failure("has a damaged directory: its last entry is cut off") }
    name = try fields.name(lengths.name, at: offset + Self.fixedLength)
    guard try fields.number(2, at: offset + 8) & 1 == 0 else { throw fields.failure("has the encrypted entry \(name)") }
    method = try fields.size(2, at: offset + 10)
    crc = UInt32(try fields.number(4, at: offset + 16))
    let sizes = try fields.extended(
      [try fields.size(4, at: offset + 24), try fields.size(4, at: offset + 20), try fields.size(4, at: offset + 42)],
      extra: offset + Self.fixedLength + lengths.name, length: lengths.extra)
    guard sizes[0] == sizes[1] || method != 0 else {
      throw fields.failure("has the entry \(name) of \(sizes[0]) bytes, stored as \(sizes[1])")
    }
    size = sizes[1]
    localHeader = sizes[2]
  }

  /// The entry, its data known to lie before byte `limit`.
  func entry(_ fields: ZipFields, before limit: Int) throws -> ZipEntry {
    guard localHeader <= limit - Self.localLength, fields.isSignature(0x0403_4B50, at: localHeader) else {
      throw fields.failure("has no entry \(name) where its directory says, at byte \(localHeader)")
    }
    let nameLength = try fields.size(2, at: localHeader + 26)
    let start = localHeader + Self.localLength + nameLength + (try fields.size(2, at: localHeader + 28))
    guard try fields.name(nameLength, at: localHeader + Self.localLength) == name,
      try fields.size(2, at: localHeader + 8) == method
    else { throw fields.failure("says one thing of the entry \(name) in its directory and another before its data") }
    guard start <= limit, size <= limit - start else {
      throw fields.failure("has the entry \(name) of \(size) bytes at byte \(start), but its data end at byte \(limit)")
    }
    // So does torch.serialization.set_crc32_options(False). Data whose CRC-32 is 0 go unchecked, too: one in 2^32.
    return ZipEntry(name: name, bytes: start..<start + size, crc: crc == 0 ? nil : crc, method: method)
  }
}

extension ZipFields {
  fileprivate func name(_ length: Int, at offset: Int) throws -> String {
    guard let name = String(validating: try bytes(length, at: offset), as: UTF8.self), !name.contains("\0") else {
      throw failure("has an entry whose name is not UTF-8, at byte \(offset)")
    }
    return name
  }

  /// `sizes`, each that says that it does not fit replaced by the next number of the extra field for zip64.
  fileprivate func extended(_ sizes: [Int], extra: Int, length: Int) throws -> [Int] {
    guard sizes.contains(0xFFFF_FFFF) else { return sizes }
    var field = extra
    while field + 4 <= extra + length, try number(2, at: field) != 1 { field += 4 + (try size(2, at: field + 2)) }
    guard field + 4 <= extra + length else { throw failure("lacks the zip64 sizes of an entry, at byte \(extra)") }
    let end = min(field + 4 + (try size(2, at: field + 2)), extra + length)
    var next = field + 4
    return try sizes.map { size in
      guard size == 0xFFFF_FFFF else { return size }
      guard next + 8 <= end else { throw failure("has cut off zip64 sizes of an entry, at byte \(extra)") }
      defer { next += 8 }
      return try self.size(8, at: next)
    }
  }
}
