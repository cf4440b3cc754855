/// A value of a pickle. Values are flat: what holds others is a number, under which the reader keeps it.
///
/// So no nesting, however deep, takes the stack of this process, and a value that holds itself is not kept alive by that.
enum PickleValue {
  case none
  case boolean(Bool)
  case integer(Int)
  case text(String)
  case global(PickleGlobal)
  /// Where the elements lie among those of all tuples.
  case tuple(Range<Int>)
  case dictionary(Int)
  case storage(PickledStorage)
  case tensor(Int)

  /// What it is, for messages.
  var summary: String {
    switch self {
    case .none: "None"
    case .boolean(let boolean): boolean ? "True" : "False"
    case .integer(let integer): "the number \(integer)"
    case .text(let text): text.prefix(40).debugDescription
    case .global(let global): global.description
    case .tuple(let elements): "a tuple of \(elements.count)"
    case .dictionary: "a dictionary"
    case .storage: "a storage"
    case .tensor: "a tensor"
    }
  }
}

/// All that a pickle may name outside itself: nothing is looked up, so nothing else can be called.
enum PickleGlobal: Equatable, CustomStringConvertible {
  case orderedDict
  case rebuildTensor
  case rebuildParameter
  /// The class of storages of this type.
  case storage(ElementType)

  init?(module: String, name: String) {
    let storages = ElementType.allCases.filter { $0.storageClass != nil }.map(Self.storage)
    let all = [.orderedDict, .rebuildTensor, .rebuildParameter] + storages
    guard let global = all.first(where: { $0.module == module && $0.name == name }) else { return nil }
    self = global
  }

  var module: String {
    switch self {
    case .orderedDict: "collections"
    case .rebuildTensor, .rebuildParameter: "torch._utils"
    case .storage: "torch"
    }
  }

  var name: String {
    switch self {
    case .orderedDict: "OrderedDict"
    case .rebuildTensor: "_rebuild_tensor_v2"
    case .rebuildParameter: "_rebuild_parameter"
    case .storage(let type): type.storageClass!
    }
  }

  var description: String { "\(module).\(name)" }
}

extension ElementType {
  /// What PyTorch calls storages of this type; nil for those that it has no class for.
  var storageClass: String? {
    switch self {
    case .float32: "FloatStorage"
    case .float16: "HalfStorage"
    case .bfloat16: "BFloat16Storage"
    case .float64: "DoubleStorage"
    case .int64: "LongStorage"
    case .int32: "IntStorage"
    case .int16: "ShortStorage"
    case .int8: "CharStorage"
    case .uint8: "ByteStorage"
    case .bool: "BoolStorage"
    default: nil
    }
  }
}

/// Elements that lie in one entry of the archive, `data/KEY`.
struct PickledStorage {
  let key: String
  let type: ElementType
  /// The number of elements.
  let count: Int
}

/// A view of a storage; all numbers count elements, none is negative, none was compared to the storage's count.
struct PickledTensor {
  let storage: PickledStorage
  let offset: Int
  let shape: [Int]
  /// How far the next element is along each extent.
  let strides: [Int]
}

/// Why a pickle is no plain state dict.
struct PickleError: Error, Equatable, CustomStringConvertible {
  let problem: String
  /// Bytes from the start of the pickle.
  let offset: Int

  var description: String { "\(problem) (byte \(offset))" }
}
