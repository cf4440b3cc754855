import Crypto
import Foundation

/// What the hidden states of a folder have in common; a file that says otherwise is not read.
package struct HiddenStateFormat: Equatable, Sendable {
  /// SHA-256 of all that makes the states what they are: model, layers, and how this machine computes.
  package let identity: [UInt8]
  package let width: Int
  /// 4 of float32, 2 of bfloat16.
  package let elementBytes: Int

  package init(identity: [UInt8], width: Int, elementBytes: Int) {
    precondition(identity.count == 32 && (elementBytes == 4 || elementBytes == 2))
    self.identity = identity
    self.width = width
    self.elementBytes = elementBytes
  }

  func payloadBytes(tokens: Int) -> Int { tokens * width * elementBytes }
}

/// A text as hidden states know it: half of the SHA-256 of its token ids and its number of keys.
///
/// Tokenizer, text, markers and lengths need no place of their own: the ids are all that is left of them.
package struct HiddenStateKey: Hashable, Sendable {
  let high: UInt64
  let low: UInt64

  package init(ids: ArraySlice<Int32>, keyCount: Int) {
    var hasher = SHA256()
    var keys = Int64(keyCount).littleEndian
    unsafe withUnsafeBytes(of: &keys) { unsafe hasher.update(bufferPointer: $0) }
    unsafe ids.withUnsafeBytes { unsafe hasher.update(bufferPointer: $0) }
    self.init(bytes: Array(hasher.finalize().prefix(16)))
  }

  init(bytes: [UInt8]) {
    high = littleEndian(bytes[0..<8])
    low = littleEndian(bytes[8..<16])
  }

  var bytes: [UInt8] { high.littleEndianBytes + low.littleEndianBytes }
}

/// The two kinds of header in a file of hidden states, 64 bytes each: one of the file, one before each text.
///
/// A header's last 8 bytes are the start of the SHA-256 of the others, so that what a killed run has half written, or a
/// disk has spoilt, is never taken for one.
enum HiddenStateHeader {
  static let bytes = 64
  private static let fileMagic = Array("ColBERT hidden 1".utf8)
  private static let textMagic = Array("text".utf8)

  static func file(_ format: HiddenStateFormat) -> [UInt8] {
    sealed(
      fileMagic + UInt32(format.width).littleEndianBytes + UInt32(format.elementBytes).littleEndianBytes
        + format.identity)
  }

  static func text(_ key: HiddenStateKey, tokens: Int, digest: [UInt8]) -> [UInt8] {
    sealed(textMagic + UInt32(tokens).littleEndianBytes + key.bytes + digest)
  }

  /// Nil if it is no whole header of a text.
  static func readText(_ header: [UInt8]) -> (key: HiddenStateKey, tokens: Int, digest: [UInt8])? {
    guard header.count == bytes, Array(header[..<4]) == textMagic, isSealed(header) else { return nil }
    return (
      HiddenStateKey(bytes: Array(header[8..<24])), Int(littleEndian(header[4..<8])), Array(header[24..<56])
    )
  }

  private static func sealed(_ content: [UInt8]) -> [UInt8] { content + SHA256.hash(data: content).prefix(8) }
  private static func isSealed(_ header: [UInt8]) -> Bool { sealed(Array(header.dropLast(8))) == header }
}

private func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

extension FixedWidthInteger {
  fileprivate var littleEndianBytes: [UInt8] {
    (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) }
  }
}

/// One rank's file of hidden states, open; texts are only ever added at its end.
final class HiddenStateFile {
  let path: String
  /// Up to here texts are known.
  private(set) var end = HiddenStateHeader.bytes
  private let descriptor: Int32

  private init(_ path: String, _ descriptor: Int32) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Makes a file that was not there.
  static func create(_ path: String, _ format: HiddenStateFormat) throws -> HiddenStateFile {
    let descriptor = try FileSystem.open(path, O_RDWR | O_CREAT | O_EXCL, to: "create")
    let file = HiddenStateFile(path, descriptor)
    do {
      try file.write(HiddenStateHeader.file(format), at: 0)
    } catch {
      try? FileSystem.remove(path)
      throw error
    }
    return file
  }

  /// Opens another rank's file, or an earlier run's; nil if it holds no states of this format.
  static func open(_ path: String, _ format: HiddenStateFormat) throws -> HiddenStateFile? {
    let file = HiddenStateFile(path, try FileSystem.open(path, O_RDONLY, to: "open"))
    var header = [UInt8](repeating: 0, count: HiddenStateHeader.bytes)
    guard try file.fill(&header, at: 0), header == HiddenStateHeader.file(format) else { return nil }
    return file
  }

  /// A text in the file.
  struct Text {
    let key: HiddenStateKey
    let tokens: Int
    /// Where its header begins.
    let offset: Int
  }

  /// The texts that have been added since the last call; a last one that is not complete waits for the next.
  func newTexts(_ format: HiddenStateFormat) throws -> [Text] {
    let size = try FileSystem.size(of: descriptor, path: path)
    var texts: [Text] = []
    var header = [UInt8](repeating: 0, count: HiddenStateHeader.bytes)
    while end + header.count <= size {
      guard try fill(&header, at: end), let (key, tokens, _) = HiddenStateHeader.readText(header) else { break }
      let next = end + header.count + format.payloadBytes(tokens: tokens)
      guard next <= size else { break }
      texts.append(Text(key: key, tokens: tokens, offset: end))
      end = next
    }
    return texts
  }

  /// Adds a text; if that fails, for example because the disk is full, the file is what it was.
  ///
  /// - Returns: where its header begins.
  func append(_ key: HiddenStateKey, tokens: Int, _ payload: RawSpan) throws -> Int {
    let offset = end
    do {
      let header = HiddenStateHeader.text(key, tokens: tokens, digest: sha256(payload))
      try write(header, at: offset)
      try write(payload, at: offset + header.count)
      end = offset + header.count + payload.byteCount
    } catch {
      // What stays if this fails too is no complete text, so nobody reads it.
      _ = ftruncate(descriptor, off_t(offset))
      throw error
    }
    return offset
  }

  /// Fills `payload` with a text's states.
  ///
  /// - Parameter checks: whether to compare them with their SHA-256.
  /// - Returns: false if what is there is not what was written.
  func read(at offset: Int, checks: Bool, into payload: inout MutableRawSpan) throws -> Bool {
    guard try fill(&payload, at: offset + HiddenStateHeader.bytes) else { return false }
    guard checks else { return true }
    var header = [UInt8](repeating: 0, count: HiddenStateHeader.bytes)
    guard try fill(&header, at: offset), let (_, _, digest) = HiddenStateHeader.readText(header) else { return false }
    return sha256(payload.bytes) == digest
  }

  private func fill(_ bytes: inout [UInt8], at offset: Int) throws -> Bool {
    var span = bytes.mutableSpan
    var raw = unsafe span.mutableBytes
    return try fill(&raw, at: offset)
  }

  /// False if the file ends too early.
  private func fill(_ bytes: inout MutableRawSpan, at offset: Int) throws -> Bool {
    try unsafe bytes.withUnsafeMutableBytes {
      try unsafe FileSystem.read(into: $0, at: offset, from: descriptor, path: path)
    }
  }

  private func write(_ bytes: [UInt8], at offset: Int) throws { try unsafe write(bytes.span.bytes, at: offset) }

  private func write(_ bytes: RawSpan, at offset: Int) throws {
    try unsafe bytes.withUnsafeBytes { try unsafe FileSystem.write($0, at: offset, to: descriptor, path: path) }
  }
}

private func sha256(_ bytes: RawSpan) -> [UInt8] {
  var hasher = SHA256()
  unsafe bytes.withUnsafeBytes { unsafe hasher.update(bufferPointer: $0) }
  return Array(hasher.finalize())
}
