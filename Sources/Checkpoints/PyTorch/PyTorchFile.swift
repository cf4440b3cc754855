import Synchronization
package import Tensors

/// A state dict that `torch.save` wrote (PyTorch 1.6 or newer), mapped read-only and checked: `pytorch_model.bin`,
/// `colbert_linear.pt`.
///
/// A zip archive of stored files: `TOP/data.pkl` says which tensors there are, and `TOP/data/KEY` are the storages that
/// they are views of. The pickle is read by `PickleReader`, which runs nothing.
///
/// CRC-32 is checked of all that is parsed, and of a storage when a tensor of it is copied. Of tensors that are lent in
/// place it is not: that would read gigabytes from the disk into every rank, which may need a few rows of them.
package final class PyTorchFile: TensorFile {
  package let path: String
  private let file: MappedFile
  private let tensors: [String: StoredTensor]
  /// The names of the archive's entries whose CRC-32 was found right.
  private let checked = Mutex<Set<String>>([])

  /// Maps the file and checks all that it says of itself; a defect is a `ModelFileError`.
  package convenience init(_ path: String) throws { try self.init(MappedFile(path)) }

  init(_ file: MappedFile) throws {
    (self.file, path) = (file, file.path)
    let archive = try PyTorchArchive(file)
    let pickled: [(name: String, tensor: PickledTensor)]
    do {
      pickled = try PickleReader.stateDict(archive.pickle())
    } catch let error as PickleError {
      throw ModelFileError(
        path: file.path,
        problem:
          "its data.pkl \(error). Only a plain state dict is read, because anything else may run code when it is "
          + "unpickled. If you trust the file, save its weights as safetensors with Python")
    }
    var tensors: [String: StoredTensor] = [:]
    for (name, tensor) in pickled {
      let stored = try StoredTensor(name, tensor, in: archive)
      guard tensors.updateValue(stored, forKey: name) == nil else {
        throw ModelFileError(path: file.path, tensor: name, problem: "is in the state dict twice")
      }
    }
    self.tensors = tensors
  }

  package var names: [String] { tensors.keys.sorted() }

  package func info(_ name: String) -> TensorEntry? { tensors[name]?.entry }

  package func matrix(_ name: String) throws -> Matrix? {
    let entry = try tensor(name)
    return tensors[name]!.strides == nil ? entry.view(in: file) : nil
  }

  package func copy(_ name: String, into floats: inout MutableSpan<Float>) throws {
    let entry = try tensor(name)
    precondition(floats.count == entry.count, "\(floats.count) floats for tensor \(name) \(entry.shape)")
    try checkConvertible(entry)
    let stored = tensors[name]!
    try check(stored.storage, of: name)
    unsafe floats.withUnsafeMutableBufferPointer { unsafe stored.copy(from: file, to: $0) }
  }

  /// Throws unless the storage's bytes are those that were written.
  private func check(_ storage: ZipEntry, of tensor: String) throws {
    guard checked.withLock({ !$0.contains(storage.name) }) else { return }
    guard file.isWhole(storage) else {
      throw failure(tensor, "is damaged: the CRC-32 of \(storage.name) is not what it was when it was written")
    }
    _ = checked.withLock { $0.insert(storage.name) }
  }

  /// Whether a file whose first bytes are `start` may be one that `torch.save` wrote, of whatever version.
  static func mayStart(with start: [UInt8]) -> Bool {
    start.starts(with: "PK".utf8) || start.starts(with: PyTorchArchive.legacyStart)
  }
}
