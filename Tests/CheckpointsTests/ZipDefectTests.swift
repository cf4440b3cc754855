import Checkpoints
import TestSupport
import Testing

/// An archive that is damaged or made to mislead, and words of the message that must name what is wrong.
struct ZipDefect: CustomTestStringConvertible, Sendable {
  let archive: [UInt8]
  let message: String

  /// A good archive of one tensor, its entries, its end or what it says of itself changed.
  init(
    isZip64: Bool = false, _ message: String, entries change: (inout [ArchiveEntry]) -> Void = { _ in },
    tail: (inout [UInt8]) -> Void = { _ in }
  ) {
    var entries = Self.entries
    change(&entries)
    archive = zipArchive(entries, isZip64: isZip64, tail: tail)
    self.message = message
  }

  var testDescription: String { message }

  /// `a/data.pkl`, `a/byteorder`, `a/data/0`, `a/version`.
  static let entries = archiveEntries(
    pickle: Pickle.dictionary(
      Pickle.text("x"), Pickle.tensor(Pickle.storage(count: 6), shape: [2, 3], strides: [3, 1])),
    storages: [(0..<24).map { UInt8($0) }])

  static let all = [
    ZipDefect("its a/data/0 is compressed (method 8)") { $0[2].method = 8 },
    ZipDefect("the encrypted entry a/data/0") { $0[2].flags = 1 },
    ZipDefect("the entry a/data/0 twice") { $0.append($0[2]) },
    ZipDefect("entries that overlap: a/data/0 and a/version") { ($0[2].size, $0[2].storedSize) = (90, 90) },
    ZipDefect("has the entry a/version of 900 bytes") { ($0[3].size, $0[3].storedSize) = (900, 900) },
    ZipDefect("says one thing of the entry a/data/0") { $0[2].localName = "a/data/1" },
    ZipDefect("the entry a/data/0 of 25 bytes, stored as 24") { $0[2].size = 25 },
    ZipDefect("no entry a/data/0 where its directory says, at byte 1") { $0[2].start = 1 },
    ZipDefect("at byte 4294967294") { $0[2].start = 0xFFFF_FFFE },
    ZipDefect("at byte 9223372036854775807") {
      $0[2].start = .max
      $0[2].isZip64 = true
    },
    ZipDefect("a size or place of 18446744073709551615 bytes") {
      $0[2].start = -1
      $0[2].isZip64 = true
    },
    ZipDefect("lacks the zip64 sizes") { $0[2].start = 0xFFFF_FFFF },
    ZipDefect("found 0", entries: { $0[0].name = "a/data.txt" }),
    ZipDefect("found 2") { $0.append(ArchiveEntry(name: "b/data.pkl", bytes: [])) },
    ZipDefect(#"has the version "(none)""#) { $0.removeLast() },
    ZipDefect(#"has the version "11""#) { $0[3].bytes = Array("11\n".utf8) },
    ZipDefect("its a/version has 65 bytes") { $0[3].bytes = [UInt8](repeating: 0x20, count: 65) },
    ZipDefect(#"has the byte order "big""#) { $0[1].bytes = Array("big".utf8) },
    ZipDefect("its a/data.pkl is damaged: its CRC-32") { $0[0].crc = 1 },
    ZipDefect("something was appended", tail: { $0.append(0) }),
    ZipDefect("something was appended", tail: { $0[$0.count - 2] = 1 }),
    ZipDefect("one of several parts", tail: { $0[$0.count - 18] = 1 }),
    ZipDefect("one of several parts", tail: { $0[$0.count - 14] += 1 }),
    ZipDefect("speaks of 260 entries", tail: { for i in [11, 13] { $0[$0.count - i] = 1 } }),
    ZipDefect("a damaged end: it speaks of", tail: { $0[$0.count - 6] ^= 1 }),
    ZipDefect("after its directory's last entry", tail: { for i in [12, 14] { $0[$0.count - i] -= 1 } }),
    ZipDefect(isZip64: true, "zip64 record is not where it should be", tail: { $0[$0.count - 34] ^= 1 }),
    ZipDefect(isZip64: true, "contradicts its zip64 record", tail: { for i in [12, 14] { $0[$0.count - i] += 1 } }),
  ]
}

@Suite struct ZipDefectTests {
  let folder = TemporaryFolder()

  @Test(arguments: ZipDefect.all) func refuses(defect: ZipDefect) throws {
    let path = try folder.write("bad.pt", defect.archive)
    let error = try #require(throws: ModelFileError.self) { try PyTorchFile(path) }
    #expect(error.path == path)
    #expect(error.problem.contains(defect.message), "\(error.problem)")
  }

  /// What the defects above are variations of.
  @Test(arguments: [false, true], [false, true]) func readsTheArchiveWithoutDefect(isZip64: Bool, entry: Bool) throws {
    var entries = ZipDefect.entries
    for i in entries.indices { entries[i].isZip64 = entry }
    let file = try PyTorchFile(folder.write("good.pt", zipArchive(entries, isZip64: isZip64)))
    let bits = (0..<6).map { i in UInt32(0x0302_0100) + 0x0404_0404 * UInt32(i) }
    #expect(try file.copied("x").map(\.bitPattern) == bits)
  }

  /// Data that no checksum was computed of are read; those of which one was are checked.
  @Test(arguments: [UInt32(0), 1]) func checksWhatHasAChecksum(crc: UInt32) throws {
    var entries = ZipDefect.entries
    entries[2].crc = crc
    let file = try PyTorchFile(folder.write("x.pt", zipArchive(entries)))
    if crc == 0 {
      #expect(try file.copied("x").count == 6)
    } else {
      #expect(throws: ModelFileError.self) { try file.copied("x") }
    }
  }
}
