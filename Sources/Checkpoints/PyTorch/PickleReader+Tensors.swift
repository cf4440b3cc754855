/// What the values of a state dict mean: `torch/_utils.py` and `torch/serialization.py` of PyTorch 1.6 to 2.15.
extension PickleReader {
  func global(module: String, name: String) throws(PickleError) -> PickleGlobal {
    if let global = PickleGlobal(module: module, name: name) { return global }
    throw error("asks for \(shown(module)).\(shown(name)), which a state dict does not need")
  }

  /// What `callee(*arguments)` gives.
  mutating func call(_ callee: PickleValue, _ arguments: PickleValue) throws(PickleError) -> PickleValue {
    guard case .global(let callee) = callee else { throw error("calls \(callee.summary)") }
    let arguments = try tuple(arguments)
    switch callee {
    case .orderedDict where arguments.isEmpty: return makeDictionary()
    case .rebuildTensor where arguments.count == 6:
      tensors.append(try tensor(arguments))
      return .tensor(tensors.count - 1)
    case .rebuildParameter where arguments.count == 3:
      guard case .tensor = arguments[0] else { throw error("makes a parameter of \(arguments[0].summary)") }
      return arguments[0]
    default: throw error("calls \(callee) with \(arguments.count) arguments")
    }
  }

  /// `_rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks)`.
  private func tensor(_ arguments: [PickleValue]) throws(PickleError) -> PickledTensor {
    guard case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1],
      case .boolean = arguments[4], case .dictionary = arguments[5]
    else { throw error("makes a tensor of \(arguments.map(\.summary).joined(separator: ", "))") }
    let (shape, strides) = (try extents(arguments[2]), try extents(arguments[3]))
    guard offset >= 0, shape.count == strides.count, !shape.contains(where: { $0 < 0 }),
      !strides.contains(where: { $0 < 0 })
    else { throw error("makes a tensor of shape \(shape), strides \(strides), offset \(offset)") }
    return PickledTensor(storage: storage, offset: offset, shape: shape, strides: strides)
  }

  /// `('storage', class, key, location, element count)`; the location is a device that the storage was on.
  func storage(_ id: PickleValue) throws(PickleError) -> PickledStorage {
    let id = try tuple(id)
    guard id.count == 5, case .text("storage") = id[0], case .global(.storage(let type)) = id[1],
      case .text(let key) = id[2], case .text = id[3], case .integer(let count) = id[4], count >= 0
    else { throw error("asks for (\(id.map(\.summary).joined(separator: ", "))), which is no storage") }
    return PickledStorage(key: key, type: type, count: count)
  }

  /// The tensors of the dictionary `root`, by name.
  func stateDict(_ root: PickleValue) throws(PickleError) -> [(name: String, tensor: PickledTensor)] {
    guard case .dictionary(let number) = root else { throw error("holds \(root.summary), no dictionary of tensors") }
    var tensors: [(name: String, tensor: PickledTensor)] = []
    var others: [String] = []
    for (key, value) in dictionaries[number] {
      if case .text(let name) = key, case .tensor(let number) = value {
        tensors.append((name, self.tensors[number]))
      } else {
        others.append("\(key.summary): \(description(value))")
      }
    }
    guard others.isEmpty else {
      let listed = others.prefix(4).joined(separator: "; ") + (others.count > 4 ? "; …" : "")
      throw error("holds other things than named tensors: \(listed)")
    }
    return tensors
  }

  private func tuple(_ value: PickleValue) throws(PickleError) -> [PickleValue] {
    guard case .tuple(let range) = value else { throw error("has \(value.summary) where a tuple belongs") }
    // A short pickle could mention a long tuple again and again, and have it copied each time.
    guard range.count <= maximumExtents else { throw error("has a tuple of \(range.count), expected a few numbers") }
    return Array(elements[range])
  }

  private func extents(_ value: PickleValue) throws(PickleError) -> [Int] {
    var extents: [Int] = []
    for element in try tuple(value) {
      guard case .integer(let extent) = element else { throw error("has \(element.summary) in a tensor's shape") }
      extents.append(extent)
    }
    return extents
  }

  private func description(_ value: PickleValue) -> String {
    guard case .dictionary(let number) = value else { return value.summary }
    let keys = dictionaries[number].prefix(3).map(\.key.summary).joined(separator: ", ")
    return "a dictionary of \(dictionaries[number].count)" + (keys.isEmpty ? "" : ", the first of them \(keys)")
  }

  /// A name of someone else's making, fit for a message.
  private func shown(_ name: String) -> String {
    let isPlain = name.utf8.count <= 80 && name.allSatisfy { $0.isASCII && !$0.isWhitespace && $0 >= " " }
    return isPlain ? name : name.prefix(80).debugDescription
  }
}

/// More than any layer's tensors have.
private let maximumExtents = 8
