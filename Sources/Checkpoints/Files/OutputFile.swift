import Crypto
import Foundation

/// What a finished file is: its length and its SHA-256 in hexadecimal.
package struct WrittenFile: Equatable, Sendable, Codable {
  package let bytes: Int
  package let sha256: String
}

/// Writes the file `path` so that it has that name only once it is complete and on the disk.
///
/// It is written beside, under the name `aside`, synced, renamed, and then the folder is synced. If anything fails, a full
/// disk above all, what was written aside is removed and a file that had the name before is untouched.
@discardableResult
func writeFile(
  _ path: String, aside: String? = nil, _ body: (inout OutputFile) throws -> Void
) throws -> WrittenFile {
  let aside = aside ?? path + ".partial"
  var output = try OutputFile(path: aside)
  do {
    do {
      try body(&output)
      try output.sync()
    } catch {
      output.closeUnchecked()
      throw error
    }
    try output.close()
    try FileSystem.rename(aside, to: path)
  } catch {
    // The first error is the one worth telling; a partial file that stays is overwritten by the next attempt.
    try? FileSystem.remove(aside)
    throw error
  }
  try FileSystem.syncFolder(FileSystem.folder(of: path))
  return output.written
}

/// Gives the file `path` this content, at once and for good: after a power cut it has the old content or the new.
package func replaceFile(_ path: String, with content: String) throws {
  try replaceFile(path, with: Array(content.utf8))
}

/// Gives the file `path` these bytes, at once and for good.
package func replaceFile(_ path: String, with bytes: [UInt8]) throws {
  try writeFile(path) { try $0.append(bytes) }
}

/// Gives the file `path` the pieces of text that `body` passes on, at once and for good: for more than should be in memory.
package func replaceFile(_ path: String, _ body: (_ write: (String) throws -> Void) throws -> Void) throws {
  try writeFile(path) { output in
    try body { try output.append(Array($0.utf8)) }
  }
}

/// A file being written from its start to its end, hashed on the way.
struct OutputFile {
  private let path: String
  private let descriptor: Int32
  private var hasher = SHA256()
  private var bytes = 0

  init(path: String) throws {
    self.path = path
    descriptor = try FileSystem.open(path, O_WRONLY | O_CREAT | O_TRUNC, to: "create")
  }

  /// Writes `span` in blocks that are still in the cache when they are hashed.
  mutating func append(_ span: RawSpan) throws {
    try unsafe span.withUnsafeBytes { all in
      for start in stride(from: 0, to: all.count, by: blockBytes) {
        let block = unsafe UnsafeRawBufferPointer(rebasing: all[start..<min(start + blockBytes, all.count)])
        unsafe hasher.update(bufferPointer: block)
        try unsafe FileSystem.write(block, to: descriptor, path: path)
        bytes += block.count
      }
    }
  }

  mutating func append(_ array: [UInt8]) throws { unsafe try append(array.span.bytes) }

  func sync() throws { try FileSystem.sync(descriptor, path: path) }

  /// Closes; network file systems may report a failed write only here.
  func close() throws {
    guard Foundation.close(descriptor) != 0 else { return }
    throw FileSystemError(operation: "close", path: path, code: errno)
  }

  func closeUnchecked() { _ = Foundation.close(descriptor) }

  var written: WrittenFile { WrittenFile(bytes: bytes, sha256: hexadecimal(hasher.finalize())) }
}

private let blockBytes = 1 << 20

/// SHA-256 of the file `path`, in hexadecimal; nil if there is no such file.
///
/// The file is read in blocks: a mapped one that somebody cuts short would end the process by a signal.
package func sha256(ofFile path: String) throws -> String? {
  guard try FileSystem.exists(path) else { return nil }
  let descriptor = try FileSystem.open(path, O_RDONLY, to: "open")
  defer { close(descriptor) }
  var hasher = SHA256()
  var block = [UInt8](repeating: 0, count: blockBytes)
  while true {
    let count = try FileSystem.read(into: &block, from: descriptor, path: path)
    if count == 0 { return hexadecimal(hasher.finalize()) }
    hasher.update(data: block[..<count])
  }
}

/// The digits of a digest, two a byte.
package func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
  digest.map { String(UInt16($0) | 0x100, radix: 16).dropFirst() }.joined()
}
