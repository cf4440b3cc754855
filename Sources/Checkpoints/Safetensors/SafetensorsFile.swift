package import Tensors

/// A safetensors file, mapped read-only and checked.
package final class SafetensorsFile: TensorFile {
  package let path: String
  /// The header's free-form text.
  package let metadata: [String: String]
  private let file: MappedFile
  private let tensors: [String: TensorEntry]

  /// Maps the file and checks its whole header; a defect is a `ModelFileError`.
  package init(_ path: String) throws {
    self.path = path
    file = try MappedFile(path)
    let header = try unsafe file.withBytes { try unsafe SafetensorsHeader($0, path: path) }
    metadata = header.metadata
    tensors = header.tensors
  }

  package var names: [String] { tensors.keys.sorted() }

  package func info(_ name: String) -> TensorEntry? { tensors[name] }

  package func matrix(_ name: String) throws -> Matrix? {
    let entry = try tensor(name)
    // The address outlives the loan: the mapping is as old as this object, which the caller keeps.
    let base = unsafe file.withBytes { $0.baseAddress }
    guard entry.type == .float32, let address = unsafe base?.advanced(by: entry.bytes.lowerBound),
      UInt(bitPattern: address) % UInt(MemoryLayout<Float>.alignment) == 0
    else { return nil }
    let (rows, columns) = entry.rowsAndColumns
    return unsafe Matrix(mapped: address, rows: rows, columns: columns)
  }

  package func copy(_ name: String, into floats: inout MutableSpan<Float>) throws {
    let entry = try tensor(name)
    precondition(floats.count == entry.count, "\(floats.count) floats for tensor \(name) \(entry.shape)")
    try unsafe floats.withUnsafeMutableBufferPointer { target in
      try unsafe copy(entry, elements: 0..<entry.count, to: target)
    }
  }

  /// Copies `elements` of the tensor `entry`, counted row after row, to `target`.
  func copy(_ entry: TensorEntry, elements: Range<Int>, to target: UnsafeMutableBufferPointer<Float>) throws {
    guard entry.type.isConvertible else {
      throw failure(entry.name, "has dtype \(entry.type.rawValue), expected F32, F16, BF16 or F64")
    }
    let start = entry.bytes.lowerBound
    let size = entry.type.size
    let range = start + elements.lowerBound * size..<start + elements.upperBound * size
    unsafe file.withBytes { unsafe entry.type.toFloats(UnsafeRawBufferPointer(rebasing: $0[range]), target) }
  }

  /// The length of the file in bytes.
  var byteCount: Int { file.count }

  /// SHA-256 of the whole file, in hexadecimal.
  func sha256() -> String { file.sha256() }
}
