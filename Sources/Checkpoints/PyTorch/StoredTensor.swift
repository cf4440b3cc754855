/// A tensor as a view of a storage of the archive, known to lie in it.
struct StoredTensor: Sendable {
  let entry: TensorEntry
  /// How many elements further the next one is along each extent; nil if the elements follow each other, row after row.
  let strides: [Int]?
  let storage: ZipEntry

  /// Finds the tensor `name` in `archive`; a `ModelFileError` if it reaches beyond its storage.
  init(_ name: String, _ tensor: PickledTensor, in archive: PyTorchArchive) throws {
    func failure(_ problem: String) -> ModelFileError {
      ModelFileError(path: archive.file.path, tensor: name, problem: problem)
    }
    let (key, type, storageCount) = (tensor.storage.key, tensor.storage.type, tensor.storage.count)
    guard let storage = try archive.storage(key) else { throw failure("lies in data/\(key), which the archive lacks") }
    guard case (let bytes, false) = storageCount.multipliedReportingOverflow(by: type.size),
      bytes == storage.bytes.count
    else {
      throw failure(
        "lies in data/\(key), \(storageCount) of \(type.rawValue), but that has \(storage.bytes.count) bytes")
    }
    // An expanded tensor (stride 0) has more elements than its storage; nobody needs one larger than the whole file.
    guard let count = product(tensor.shape), count <= archive.file.count else {
      throw failure("has shape \(tensor.shape), more than the file can hold")
    }
    guard let end = tensor.end, end <= storageCount else {
      throw failure(
        "of shape \(tensor.shape), strides \(tensor.strides), offset \(tensor.offset) reaches beyond its storage "
          + "data/\(key) of \(storageCount) elements")
    }
    // One without elements may have an offset anywhere.
    let offset = count == 0 ? 0 : tensor.offset
    entry = TensorEntry(
      name: name, type: type, shape: tensor.shape, start: storage.bytes.lowerBound + offset * type.size)
    strides = tensor.isRowAfterRow ? nil : tensor.strides
    self.storage = storage
  }

  /// Copies the elements, row after row, to `target`, rounding to nearest.
  ///
  /// - Precondition: the type is convertible and `target` holds `entry.count` elements.
  func copy(from file: MappedFile, to target: UnsafeMutableBufferPointer<Float>) {
    guard let strides else {
      unsafe entry.copy(0..<entry.count, in: file, to: target)
      return
    }
    for index in 0..<target.count {
      var (rest, offset) = (index, 0)
      for (extent, stride) in zip(entry.shape, strides).reversed() {
        offset += rest % extent * stride
        rest /= extent
      }
      let element = unsafe UnsafeMutableBufferPointer(rebasing: target[index...index])
      unsafe entry.copy(offset..<offset + 1, in: file, to: element)
    }
  }
}

extension PickledTensor {
  /// One more than its last element's place in the storage, 0 if it has no elements; nil if that does not fit.
  fileprivate var end: Int? {
    if shape.contains(0) { return 0 }
    var last = offset
    for (extent, stride) in zip(shape, strides) {
      guard case (let way, false) = (extent - 1).multipliedReportingOverflow(by: stride),
        case (let further, false) = last.addingReportingOverflow(way)
      else { return nil }
      last = further
    }
    return last == .max ? nil : last + 1
  }

  /// Whether its elements follow each other; along an extent of 1 there is no next one, whatever the stride.
  fileprivate var isRowAfterRow: Bool {
    if shape.contains(0) { return true }
    var expected = 1
    for (extent, stride) in zip(shape, strides).reversed() where extent != 1 {
      if stride != expected { return false }
      expected *= extent
    }
    return true
  }
}
