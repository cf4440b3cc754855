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
    let header = try unsafe file.withBytes {
      try unsafe SafetensorsHeader(startingWith: $0, byteCount: $0.count, path: file.path)
    }
    metadata = header.metadata
    tensors = header.tensors
  }

  package var names: [String] { tensors.keys.sorted() }

  package func info(_ name: String) -> TensorEntry? { tensors[name] }

  package func matrix(_ name: String) throws -> Matrix? { try tensor(name).view(in: file) }

  package func copy(_ name: String, into floats: inout MutableSpan<Float>) throws {
    let entry = try tensor(name)
    precondition(floats.count == entry.count, "\(floats.count) floats for tensor \(name) \(entry.shape)")
    try checkConvertible(entry)
    unsafe floats.withUnsafeMutableBufferPointer { unsafe entry.copy(0..<entry.count, in: file, to: $0) }
  }
}
