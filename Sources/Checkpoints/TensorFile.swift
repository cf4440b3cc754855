package import Tensors

/// A file of named tensors, mapped read-only and checked: what it describes is what it holds.
///
/// Views from `matrix` read the mapped memory itself and are gone with this object: whoever keeps a view keeps the file.
package protocol TensorFile: AnyObject, Sendable {
  var path: String { get }

  /// The tensors' names, sorted.
  var names: [String] { get }

  /// What the file says of the tensor `name`, or nil if it has none.
  func info(_ name: String) -> TensorEntry?

  /// The floats of the tensor `name` in place, or nil if they must be copied: another type, not aligned, or not row
  /// after row.
  ///
  /// `[rows × columns]` with the last extent as columns and the product of the others as rows; a vector is one row.
  /// The view must not be written to, and not be used after this object is gone.
  func matrix(_ name: String) throws -> Matrix?

  /// Copies the tensor `name` row after row to `floats`, from F32, F16, BF16 or F64, rounding to nearest.
  ///
  /// - Precondition: `floats` has as many elements as the tensor (its `shape` was asked for).
  func copy(_ name: String, into floats: inout MutableSpan<Float>) throws
}

extension TensorFile {
  /// The tensor `name`; throws if there is none, or not of `shape`.
  package func tensor(_ name: String, shape: [Int]) throws -> TensorEntry {
    let entry = try tensor(name)
    guard entry.shape == shape else { throw failure(name, "has shape \(entry.shape), expected \(shape)") }
    return entry
  }

  /// The tensor `name`; throws if there is none.
  package func tensor(_ name: String) throws -> TensorEntry {
    if let entry = info(name) { return entry }
    let names = names
    let nearest = nearestNames(to: name, among: names, count: 3)
    let has = nearest.isEmpty ? "the file is empty" : "the file has \(nearest.joined(separator: ", "))"
    throw failure(name, "is missing; \(has)\(names.count > nearest.count ? " … (\(names.count) tensors)" : "")")
  }

  /// Throws unless the tensor can be copied to floats.
  func checkConvertible(_ entry: TensorEntry) throws {
    guard entry.type.isConvertible else {
      throw failure(entry.name, "has dtype \(entry.type.rawValue), expected F32, F16, BF16 or F64")
    }
  }

  func failure(_ tensor: String, _ problem: String) -> ModelFileError {
    ModelFileError(path: path, tensor: tensor, problem: problem)
  }
}

/// Opens the file `path` as what its content says it is, whatever its name; a file that cannot be used is a
/// `ModelFileError`.
package func openTensorFile(_ path: String) throws -> any TensorFile {
  let file = try MappedFile(path)
  let start = unsafe file.withBytes { unsafe [UInt8]($0.prefix(16)) }
  try refuseGitLFSPointer(start, path: path)
  // Eight bytes of length, then JSON; a zip archive or a pickle may start in any other way but this.
  if start.count > 8, start[8] == UInt8(ascii: "{") { return try SafetensorsFile(file) }
  guard PyTorchFile.mayStart(with: start) else {
    throw ModelFileError(path: path, problem: "is neither a safetensors file nor an archive that torch.save wrote")
  }
  return try PyTorchFile(file)
}

/// Throws if a file that starts so stands for another one, which was never fetched.
func refuseGitLFSPointer(_ start: some Collection<UInt8>, path: String) throws {
  guard start.starts(with: "version https://".utf8) else { return }
  throw ModelFileError(
    path: path, problem: "is a Git LFS pointer, not the file itself: fetch it with `git lfs pull` or download it")
}
