/// Writes the file `path` as a state dict that `torch.load(weights_only=True)` takes: F32 and I64 tensors, in this order.
///
/// It is meant for heads. The bytes depend on the tensors alone. The file appears complete or not at all, and is on the
/// disk on return; a `FileSystemError` says what failed.
/// - Precondition: the names differ, and all of it takes less than 4 GiB.
@discardableResult
package func writePyTorchFile(_ path: String, tensors: [TensorToWrite]) throws -> WrittenFile {
  try writeFile(path) { output in
    var archive = ZipWriter(output)
    func add(_ name: String, _ bytes: [UInt8]) throws { try unsafe archive.add("archive/\(name)", bytes.span.bytes) }
    try add("data.pkl", pickle(tensors))
    try add("byteorder", Array("little".utf8))
    for (number, tensor) in tensors.enumerated() {
      try tensor.withBytes { try archive.add("archive/data/\(number)", $0) }
    }
    try add("version", Array("3\n".utf8))
    output = try archive.finish()
  }
}

/// An OrderedDict of tensors, pickled with protocol 2: tensor i is all of storage i.
private func pickle(_ tensors: [TensorToWrite]) -> [UInt8] {
  precondition(Set(tensors.map(\.name)).count == tensors.count, "two tensors have one name")
  var pickle = PickleWriter()
  pickle.emptyOrderedDict()
  pickle.add(.mark)
  for (number, tensor) in tensors.enumerated() {
    pickle.add(tensor.name)
    pickle.add(.rebuildTensor)
    pickle.add(.mark)
    pickle.storage(tensor.type, key: "\(number)", count: tensor.count)
    pickle.add(0)
    pickle.tuple(tensor.shape)
    pickle.tuple(rowMajorStrides(tensor.shape))
    pickle.add(.newFalse)  // requires_grad
    pickle.emptyOrderedDict()  // hooks
    pickle.add(.tuple)
    pickle.add(.reduce)
  }
  pickle.add(.setItems)
  pickle.add(.stop)
  return pickle.bytes
}

/// How many elements further the next one is along each extent, as PyTorch counts it: a 0 counts as a 1.
private func rowMajorStrides(_ shape: [Int]) -> [Int] {
  var strides = [1]
  for extent in shape.dropFirst().reversed() { strides.append(strides.last! * max(extent, 1)) }
  return Array(strides.reversed().suffix(shape.count))
}

/// The bytes of a pickle. It keeps nothing in the memo: what is needed again is written again.
private struct PickleWriter {
  private(set) var bytes: [UInt8] = [PickleOpcode.proto.rawValue, 2]

  mutating func add(_ opcode: PickleOpcode) { bytes.append(opcode.rawValue) }

  mutating func add(_ text: String) {
    add(.binUnicode)
    append(text.utf8.count, width: 4)
    bytes += text.utf8
  }

  mutating func add(_ number: Int) {
    add(.long1)
    append(8, width: 1)
    append(number, width: 8)
  }

  mutating func add(_ global: PickleGlobal) {
    add(.global)
    bytes += "\(global.module)\n\(global.name)\n".utf8
  }

  mutating func tuple(_ numbers: [Int]) {
    add(.mark)
    for number in numbers { add(number) }
    add(.tuple)
  }

  mutating func emptyOrderedDict() {
    add(.orderedDict)
    add(.emptyTuple)
    add(.reduce)
  }

  mutating func storage(_ type: ElementType, key: String, count: Int) {
    add(.mark)
    add("storage")
    add(.storage(type))
    add(key)
    add("cpu")
    add(count)
    add(.tuple)
    add(.binPersID)
  }

  private mutating func append(_ number: Int, width: Int) {
    for byte in 0..<width { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * byte))) }
  }
}
