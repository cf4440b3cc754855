import Crypto
package import Tensors

/// A safetensors file, mapped read-only and checked.
package final class SafetensorsFile: TensorFile {
  package let path: String
  /// The header's free-form text.
  package let metadata: [String: String]
  private let file: MappedFile
  private let tensors: [String: TensorEntry]

  /// Maps the file and checks its whole header; a defect is a `ModelFileError`.
  package convenience init(_ path: String) throws { try self.init(MappedFile(path)) }

  init(_ file: MappedFile) throws {
    (self.file, path) = (file, file.path)
    let header = try unsafe file.withBytes { try unsafe SafetensorsHeader($0, path: file.path) }
    metadata = header.metadata
    tensors = header.tensors
  }

  package var names: [String] { tensors.keys.sorted() }

  package func info(_ name: String) -> TensorEntry? { tensors[name] }

  package func matrix(_ name: String) throws -> Matrix? { try tensor(name).view(in: file) }

  package func copy(_ name: String, into floats: inout MutableSpan<Float>) throws {
    let entry = try tensor(name)
    precondition(floats.count == entry.count, "\(floats.count) floats for tensor \(name) \(entry.shape)")
    try unsafe floats.withUnsafeMutableBufferPointer { target in
      try unsafe copy(entry, elements: 0..<entry.count, to: target)
    }
  }

  /// Copies `elements` of the tensor `entry`, counted row after row, to `target`.
  func copy(_ entry: TensorEntry, elements: Range<Int>, to target: UnsafeMutableBufferPointer<Float>) throws {
    try checkConvertible(entry)
    unsafe entry.copy(elements, in: file, to: target)
  }

  /// Adds the bytes of the tensor `entry` to what `hasher` has.
  func hash(_ entry: TensorEntry, into hasher: inout SHA256) {
    unsafe file.withBytes { unsafe hasher.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[entry.bytes])) }
  }

  /// The length of the file in bytes.
  var byteCount: Int { file.count }

  /// SHA-256 of the whole file, in hexadecimal.
  func sha256() -> String { file.sha256() }
}
