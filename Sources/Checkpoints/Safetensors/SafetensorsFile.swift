package import Tensors

/// A safetensors file, mapped read-only and checked: what it describes is what it holds.
///
/// Views from `matrix` read the mapped memory itself and are gone with this object: whoever keeps a view keeps the file.
package final class SafetensorsFile: Sendable {
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

  /// The tensors' names, sorted.
  package var names: [String] { tensors.keys.sorted() }

  /// What the header says of the tensor `name`, or nil if the file has none.
  package func info(_ name: String) -> TensorEntry? { tensors[name] }

  /// The tensor `name`; throws if there is none, or not of `shape`.
  package func tensor(_ name: String, shape: [Int]) throws -> TensorEntry {
    let entry = try tensor(name)
    guard entry.shape == shape else { throw failure(name, "has shape \(entry.shape), expected \(shape)") }
    return entry
  }

  /// The tensor `name`; throws if there is none.
  package func tensor(_ name: String) throws -> TensorEntry {
    if let entry = tensors[name] { return entry }
    let nearest = nearestNames(to: name, among: names, count: 3)
    let has = nearest.isEmpty ? "the file is empty" : "the file has \(nearest.joined(separator: ", "))"
    throw failure(name, "is missing; \(has)\(tensors.count > nearest.count ? " … (\(tensors.count) tensors)" : "")")
  }

  /// The floats of the tensor `name` in place, or nil if they must be copied: another type, or not aligned.
  ///
  /// `[rows × columns]` with the last extent as columns and the product of the others as rows; a vector is one row.
  /// The view must not be written to, and not be used after this object is gone.
  package func matrix(_ name: String) throws -> Matrix? {
    let entry = try tensor(name)
    // The address outlives the loan: the mapping is as old as this object, which the caller keeps.
    let base = unsafe file.withBytes { $0.baseAddress }
    guard entry.type == .float32, let address = unsafe base?.advanced(by: entry.bytes.lowerBound),
      UInt(bitPattern: address) % UInt(MemoryLayout<Float>.alignment) == 0
    else { return nil }
    return unsafe Matrix(
      mapped: address, rows: entry.shape.dropLast().reduce(1, *), columns: entry.shape.last ?? 1)
  }

  /// Copies the tensor `name` to `floats`, from F32, F16, BF16 or F64, rounding to nearest.
  ///
  /// - Precondition: `floats` has as many elements as the tensor (its `shape` was asked for).
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

  private func failure(_ tensor: String, _ problem: String) -> ModelFileError {
    ModelFileError(path: path, tensor: tensor, problem: problem)
  }
}
