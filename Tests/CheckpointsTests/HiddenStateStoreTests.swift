import Foundation
import TestSupport
import Testing

@testable import Checkpoints

@Suite struct HiddenStateStoreTests {
  static let format = HiddenStateFormat(identity: [UInt8](repeating: 7, count: 32), width: 3, elementBytes: 4)

  let folder = TemporaryFolder()

  /// A store that notes what it says.
  final class Opened {
    private(set) var notices: [String] = []
    private var store: HiddenStateStore?

    init(_ path: String, _ format: HiddenStateFormat = HiddenStateStoreTests.format, rank: Int = 0) throws {
      store = try HiddenStateStore(folder: path, format: format, about: "a test\n", rank: rank) { [unowned self] in
        notices.append($0)
      }
    }

    var count: Int { store!.count }
    func refresh() throws { try store!.refresh() }

    func keep(_ text: Int) {
      let bytes = payload(text)
      unsafe store!.keep(key(text), tokens: tokens(text), bytes.span.bytes)
    }

    /// Nil if the text is not known.
    func read(_ text: Int) -> [UInt8]? {
      var bytes = [UInt8](repeating: 0, count: tokens(text) * 12)
      var span = bytes.mutableSpan
      var raw = unsafe span.mutableBytes
      return store!.read(key(text), tokens: tokens(text), into: &raw) ? bytes : nil
    }
  }

  @Test func givesBackWhatItTook() throws {
    let opened = try Opened(folder.path)
    #expect(opened.read(0) == nil)
    for text in 0..<50 { opened.keep(text) }
    opened.keep(3)
    #expect(opened.count == 50)
    for text in 0..<50 { #expect(opened.read(text) == payload(text)) }
    // A later run.
    let later = try Opened(folder.path)
    #expect(later.count == 50)
    for text in 0..<50 { #expect(later.read(text) == payload(text)) }
    #expect(opened.notices + later.notices == [])
    #expect(names(in: folder.path).count == 2, "one file of states and about.txt")
  }

  /// The number of keys and the order of ids are part of a text.
  @Test func tellsTextsApart() {
    let keys = [
      HiddenStateKey(ids: [1, 2, 3], keyCount: 3), HiddenStateKey(ids: [1, 2, 3], keyCount: 2),
      HiddenStateKey(ids: [3, 2, 1], keyCount: 3), HiddenStateKey(ids: [1, 2, 3, 0], keyCount: 3),
    ]
    #expect(Set(keys).count == 4)
  }

  @Test func learnsWhatOtherRanksKeep() throws {
    let (first, second) = (try Opened(folder.path, rank: 0), try Opened(folder.path, rank: 1))
    for text in 0..<10 { (text % 2 == 0 ? first : second).keep(text) }
    #expect(first.count == 5 && second.count == 5)
    for opened in [first, second] {
      try opened.refresh()
      for text in 0..<10 { #expect(opened.read(text) == payload(text)) }
      #expect(opened.notices == [])
    }
  }

  /// Of states of another model, width or precision nothing is read, not even when they lie in this one's folder.
  @Test(arguments: [
    HiddenStateFormat(identity: [UInt8](repeating: 8, count: 32), width: 3, elementBytes: 4),
    HiddenStateFormat(identity: [UInt8](repeating: 7, count: 32), width: 6, elementBytes: 2),
    HiddenStateFormat(identity: [UInt8](repeating: 7, count: 32), width: 6, elementBytes: 4),
  ])
  func readsNoOtherStates(other: HiddenStateFormat) throws {
    let first = try Opened(folder.path)
    for text in 0..<10 { first.keep(text) }
    let opened = try Opened(folder.path, other)
    #expect(opened.count == 0)
    #expect(opened.read(4) == nil)
    #expect(
      opened.notices.count == 1 && opened.notices[0].contains("does not hold the hidden states that its folder says"))
  }

  /// However a file is cut or spoilt, what is read is what was written or nothing.
  @Test(arguments: 0..<120)
  func neverReadsDamage(seed: Int) throws {
    let first = try Opened(folder.path)
    for text in 0..<8 { first.keep(text) }
    let name = try #require(names(in: folder.path).first { $0.hasSuffix(".states") })
    var numbers = TestNumbers(seed: UInt64(seed))
    var bytes = try readBytes("\(folder.path)/\(name)")
    let place = numbers.integer(below: bytes.count)
    switch seed % 4 {
    case 0: bytes.removeSubrange(place...)
    case 1: bytes[place] ^= 1 << UInt8(numbers.integer(below: 8))
    case 2: bytes.replaceSubrange(place..., with: [UInt8](repeating: 0, count: bytes.count - place))
    default: bytes.removeSubrange(place..<min(bytes.count, place + 1 + numbers.integer(below: 60)))
    }
    try folder.write(name, bytes)
    let later = try Opened(folder.path, rank: 1)
    let read = (0..<8).map { later.read($0) }
    #expect(read.enumerated().allSatisfy { $1 == nil || $1 == payload($0) })
    #expect(read.contains { $0 == nil })
    // What is missing is taken again, and then everything is there.
    for text in 0..<8 { later.keep(text) }
    let last = try Opened(folder.path)
    for text in 0..<8 { #expect(last.read(text) == payload(text) || !last.notices.isEmpty) }
    for text in 0..<8 { #expect(later.read(text) == payload(text)) }
  }

  @Test(.enabled(if: SmallFileSystem.isAvailable, "needs root"))
  func goesOnWithoutRoom() throws {
    let disk = try #require(SmallFileSystem(kilobytes: 32))
    let path = "\(disk.path)/cache"
    let first = try Opened(path)
    for text in 0..<2_000 { first.keep(text) }
    #expect(first.notices.count == 1 && first.notices[0].contains("no more hidden states are kept"), "\(first.notices)")
    #expect(first.count > 50 && first.count < 2_000)
    let later = try Opened(path)
    #expect(later.count == first.count)
    for text in 0..<first.count { #expect(later.read(text) == payload(text)) }
    #expect(later.read(1_999) == nil)
  }

  @Test func removesSetsAndNothingElse() throws {
    let path = "\(folder.path)/\(HiddenStateFolder.name(Self.format))"
    try Opened(path).keep(1)
    try folder.write("notes.txt", [1])
    let sets = try HiddenStateFolder.all(in: folder.path)
    #expect(sets.map(\.path) == [path])
    #expect(sets[0].about == "a test" && sets[0].fileCount == 1 && sets[0].bytes == 64 + 64 + 24)
    #expect(try HiddenStateFolder.named("\(path)/").map(\.path) == [path])
    #expect(try HiddenStateFolder.named(folder.path).map(\.path) == [path])
    try sets[0].remove()
    #expect(names(in: folder.path) == ["notes.txt"])
  }
}

private func tokens(_ text: Int) -> Int { 1 + text % 4 }

private func key(_ text: Int) -> HiddenStateKey {
  HiddenStateKey(ids: (0..<Int32(tokens(text))).map { $0 + Int32(text) }[...], keyCount: tokens(text))
}

private func payload(_ text: Int) -> [UInt8] {
  (0..<tokens(text) * 12).map { UInt8(truncatingIfNeeded: $0 * 31 + text * 17) }
}
