import Crypto
import Foundation

/// One rank's file of a checkpoint, read in blocks.
///
/// Were it mapped, gigabytes of its pages would count as this process's memory while they are copied, and a file that
/// somebody cuts short would end the process by a signal.
final class ShardFile {
  let path: String
  let byteCount: Int
  /// The header's free-form text.
  let metadata: [String: String]
  private let tensors: [String: TensorEntry]
  private let descriptor: Int32

  /// Opens the file and checks its whole header; a defect is a `ModelFileError`.
  init(_ path: String) throws {
    self.path = path
    if FileSystem.isFolder(path) { throw CheckpointError.damaged(path, "expected a file, found a folder") }
    descriptor = try FileSystem.open(path, O_RDONLY, to: "open")
    do {
      byteCount = try FileSystem.size(of: descriptor, path: path)
      let header = try Self.header(descriptor, byteCount: byteCount, path: path)
      (metadata, tensors) = (header.metadata, header.tensors)
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  private static func header(_ descriptor: Int32, byteCount: Int, path: String) throws -> SafetensorsHeader {
    func start(_ count: Int) throws -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: min(count, byteCount))
      try unsafe bytes.withUnsafeMutableBytes { try unsafe fill($0, from: 0, of: descriptor, path: path) }
      return bytes
    }
    // What tells the kind of a file, and then as much as it says that its header takes.
    let dataStart = try unsafe start(64).withUnsafeBytes {
      try unsafe SafetensorsHeader.dataStart(in: $0, byteCount: byteCount, path: path)
    }
    return try unsafe start(dataStart).withUnsafeBytes {
      try unsafe SafetensorsHeader(startingWith: $0, byteCount: byteCount, path: path)
    }
  }

  /// The floats of a buffer; throws unless there are `count`.
  func floats(_ buffer: String, count: Int) throws -> TensorEntry {
    guard let entry = tensors[buffer] else { throw CheckpointError.damaged(path, "has no \(buffer)") }
    guard entry.type == .float32, entry.shape == [count] else {
      throw CheckpointError.damaged(path, "\(buffer) is \(entry.type.rawValue) \(entry.shape), expected F32 [\(count)]")
    }
    return entry
  }

  /// Reads `elements` of an entry to `target`, and shows each block to `look` while it is in the cache.
  ///
  /// - Precondition: `target` holds as many.
  func read(
    _ entry: TensorEntry, elements: Range<Int>, into target: UnsafeMutableBufferPointer<Float>,
    _ look: (UnsafeRawBufferPointer) -> Void
  ) throws {
    precondition(target.count == elements.count, "\(target.count) floats for \(elements) of \(entry.name)")
    let start = entry.start + elements.lowerBound * MemoryLayout<Float>.stride
    let bytes = UnsafeMutableRawBufferPointer(target)
    for offset in stride(from: 0, to: bytes.count, by: blockBytes) {
      let block = unsafe UnsafeMutableRawBufferPointer(
        rebasing: bytes[offset..<min(offset + blockBytes, bytes.count)])
      try unsafe Self.fill(block, from: start + offset, of: descriptor, path: path)
      unsafe look(UnsafeRawBufferPointer(block))
    }
  }

  /// Adds the bytes `range` of the file to what `hasher` has.
  func hash(_ range: Range<Int>, into hasher: inout SHA256) throws {
    try unsafe withUnsafeTemporaryAllocation(byteCount: blockBytes, alignment: 64) { buffer in
      for start in stride(from: range.lowerBound, to: range.upperBound, by: blockBytes) {
        let block = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(blockBytes, range.upperBound - start)])
        try unsafe Self.fill(block, from: start, of: descriptor, path: path)
        unsafe hasher.update(bufferPointer: UnsafeRawBufferPointer(block))
      }
    }
  }

  /// SHA-256 of the whole file, in hexadecimal.
  func sha256() throws -> String {
    var hasher = SHA256()
    try hash(0..<byteCount, into: &hasher)
    return hexadecimal(hasher.finalize())
  }

  private static func fill(
    _ block: UnsafeMutableRawBufferPointer, from start: Int, of descriptor: Int32, path: String
  ) throws {
    guard try unsafe FileSystem.read(into: block, at: start, from: descriptor, path: path) else {
      throw CheckpointError.damaged(path, "was cut short while it was read")
    }
  }
}

private let blockBytes = 1 << 20
