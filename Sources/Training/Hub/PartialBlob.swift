import Checkpoints
import Crypto
import Foundation

/// A file on its way, `HASH.incomplete`, hashed as it comes; what an earlier attempt left is gone on with.
final class PartialBlob: FetchTarget {
  /// More came than the file has.
  struct TooLong: Error {}

  private let path: String
  private let file: HubFile
  private let descriptor: Int32
  private var hasher: BlobHasher
  private(set) var bytes = 0
  /// Called with the bytes that are there, whenever some came.
  private let onProgress: (Int) -> Void

  init(_ path: String, of file: HubFile, onProgress: @escaping (Int) -> Void) throws {
    self.path = path
    self.file = file
    self.onProgress = onProgress
    hasher = BlobHasher(of: file)
    descriptor = try FileSystem.open(path, O_RDWR | O_CREAT, to: "open")
    try readWhatIsThere()
  }

  deinit { close(descriptor) }

  private func readWhatIsThere() throws {
    var block = [UInt8](repeating: 0, count: 1 << 20)
    while bytes <= file.bytes {
      let count = try FileSystem.read(into: &block, from: descriptor, path: path)
      if count == 0 { return onProgress(bytes) }
      hasher.update(block[..<count])
      bytes += count
    }
    try restart()
  }

  func append(_ block: ArraySlice<UInt8>) throws {
    guard bytes + block.count <= file.bytes else { throw TooLong() }
    try FileSystem.append(block, to: descriptor, path: path)
    hasher.update(block)
    bytes += block.count
    onProgress(bytes)
  }

  func restart() throws {
    try FileSystem.empty(descriptor, path: path)
    hasher = BlobHasher(of: file)
    bytes = 0
    onProgress(0)
  }

  /// What is wrong with all that came; nil if it is the file.
  func problem() -> String? {
    guard bytes == file.bytes else { return "\(bytes) of its \(file.bytes) bytes came" }
    let text = hasher.text
    return text == file.hash.text ? nil : "its \(file.hash.algorithm) is \(text), the Hub says \(file.hash.text)"
  }

  /// Gives the complete file its name, for good.
  func commit(as blob: String) throws {
    try FileSystem.sync(descriptor, path: path)
    try FileSystem.rename(path, to: blob)
    try FileSystem.syncFolder(FileSystem.folder(of: blob))
  }
}

/// Hashes a file as the Hub does.
private enum BlobHasher {
  case sha256(SHA256)
  case gitSHA1(Insecure.SHA1)

  init(of file: HubFile) {
    switch file.hash {
    case .sha256: self = .sha256(SHA256())
    case .gitSHA1:
      var hasher = Insecure.SHA1()
      hasher.update(data: Array("blob \(file.bytes)\0".utf8))
      self = .gitSHA1(hasher)
    }
  }

  mutating func update(_ block: ArraySlice<UInt8>) {
    switch self {
    case .sha256(var hasher):
      hasher.update(data: block)
      self = .sha256(hasher)
    case .gitSHA1(var hasher):
      hasher.update(data: block)
      self = .gitSHA1(hasher)
    }
  }

  /// Of all so far, in hexadecimal.
  var text: String {
    switch self {
    case .sha256(let hasher): hexadecimal(hasher.finalize())
    case .gitSHA1(let hasher): hexadecimal(hasher.finalize())
    }
  }
}
