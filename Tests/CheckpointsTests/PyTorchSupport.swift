import Checkpoints
import TestSupport

/// A file of `Tests/Fixtures/pytorch`.
func archive(_ name: String) -> String { TestSupport.fixture("pytorch/\(name)") }

extension TensorFile {
  /// The tensor `name`, copied.
  func copied(_ name: String) throws -> [Float] {
    var floats = [Float](repeating: 0, count: try tensor(name).count)
    var span = floats.mutableSpan
    try copy(name, into: &span)
    return floats
  }
}

/// One file of a zip archive to be built, with what may be wrong with it.
struct ArchiveEntry {
  var name: String
  var bytes: [UInt8]
  /// What the directory says; nil for the truth.
  var crc: UInt32?
  var method = 0
  var flags = 0
  var size: Int?
  var storedSize: Int?
  var start: Int?
  /// The name that stands before the data; nil for the same.
  var localName: String?
  /// Whether the directory gives its sizes and its place as zip64 does.
  var isZip64 = false
}

/// The bytes of a zip archive, built without the code under test.
func zipArchive(
  _ entries: [ArchiveEntry], isZip64: Bool = false, tail: (inout [UInt8]) -> Void = { _ in }
) -> [UInt8] {
  var archive: [UInt8] = []
  var directory: [UInt8] = []
  for entry in entries {
    let start = archive.count
    let crc = Int(entry.crc ?? slowCRC32(entry.bytes))
    let common = number(entry.flags, 2) + number(entry.method, 2) + number(0, 4) + number(crc, 4)
    let localName = Array((entry.localName ?? entry.name).utf8)
    // As torch.save does, the sizes stand in the directory and behind the data, not here.
    archive += Array("PK\u{3}\u{4}".utf8) + number(0, 2) + number(entry.flags, 2) + number(entry.method, 2)
    archive += number(0, 16) + number(localName.count, 2) + number(5, 2) + localName
    archive += Array("FB".utf8) + number(1, 2) + [UInt8(ascii: "Z")] + entry.bytes
    archive += Array("PK\u{7}\u{8}".utf8) + number(crc, 4) + number(entry.bytes.count, 8)
    let place = [entry.size ?? entry.bytes.count, entry.storedSize ?? entry.bytes.count, entry.start ?? start]
    let extra = entry.isZip64 ? number(1, 2) + number(24, 2) + place.flatMap { number($0, 8) } : []
    let shown = entry.isZip64 ? [0xFFFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFFF] : place
    directory += Array("PK\u{1}\u{2}".utf8) + number(0, 2) + number(0, 2) + common
    directory += number(shown[1], 4) + number(shown[0], 4) + number(entry.name.utf8.count, 2) + number(extra.count, 2)
    directory += number(0, 10) + number(shown[2], 4) + Array(entry.name.utf8) + extra
  }
  let (start, length) = (archive.count, directory.count)
  archive += directory
  if isZip64 {
    let end = archive.count
    archive += Array("PK\u{6}\u{6}".utf8) + number(44, 8) + number(0, 12)
    archive += [entries.count, entries.count, length, start].flatMap { number($0, 8) }
    archive += Array("PK\u{6}\u{7}".utf8) + number(0, 4) + number(end, 8) + number(1, 4)
  }
  let hidden = isZip64 ? 0xFFFF_FFFF : nil
  archive += Array("PK\u{5}\u{6}".utf8) + number(0, 4) + number(entries.count, 2) + number(entries.count, 2)
  archive += number(hidden ?? length, 4) + number(hidden ?? start, 4) + number(0, 2)
  tail(&archive)
  return archive
}

/// The entries of an archive that torch.save could have written, around this pickle.
func archiveEntries(pickle: [UInt8], storages: [[UInt8]]) -> [ArchiveEntry] {
  [ArchiveEntry(name: "a/data.pkl", bytes: pickle), ArchiveEntry(name: "a/byteorder", bytes: Array("little".utf8))]
    + storages.enumerated().map { ArchiveEntry(name: "a/data/\($0)", bytes: $1) }
    + [ArchiveEntry(name: "a/version", bytes: Array("3\n".utf8))]
}

/// `value` in `width` bytes, the least first.
func number(_ value: Int, _ width: Int) -> [UInt8] {
  (0..<width).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * $0)) : 0 }
}

/// The CRC-32 of zip archives, by its definition: bit for bit.
private func slowCRC32(_ bytes: [UInt8]) -> UInt32 {
  var crc: UInt32 = ~0
  for byte in bytes {
    crc ^= UInt32(byte)
    for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
  }
  return ~crc
}

/// Pieces of pickles.
enum Pickle {
  static func text(_ text: String) -> [UInt8] { [0x58] + number(text.utf8.count, 4) + Array(text.utf8) }
  static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }
  static func integer(_ value: Int) -> [UInt8] { [0x8A, 8] + number(value, 8) }
  static func tuple(_ values: [UInt8]...) -> [UInt8] { [0x28] + values.joined() + [0x74] }
  static func integers(_ values: [Int]) -> [UInt8] { [0x28] + values.flatMap(integer) + [0x74] }
  static let orderedDict = global("collections", "OrderedDict") + Array(")R".utf8)

  static func storage(_ type: String = "FloatStorage", key: String = "0", count: Int) -> [UInt8] {
    tuple(text("storage"), global("torch", type), text(key), text("cpu"), integer(count)) + Array("Q".utf8)
  }

  static func tensor(_ storage: [UInt8], offset: Int = 0, shape: [Int], strides: [Int]) -> [UInt8] {
    global("torch._utils", "_rebuild_tensor_v2")
      + tuple(storage, integer(offset), integers(shape), integers(strides), [0x89], orderedDict) + Array("R".utf8)
  }

  /// A whole pickle: a dictionary of these items, each a key and a value.
  static func dictionary(_ items: [UInt8]...) -> [UInt8] { [0x80, 2, 0x7D, 0x28] + items.joined() + Array("u.".utf8) }
}
