/// What a safetensors file says of itself: tensors that cover its data exactly, and free-form text.
///
/// Format: <https://github.com/huggingface/safetensors#format>. A header that breaks any rule of it is refused, as the
/// reference implementation refuses it.
struct SafetensorsHeader {
  let tensors: [String: TensorEntry]
  let metadata: [String: String]

  /// Bytes of the header length that a file starts with.
  static let lengthSize = 8
  /// The reference implementation's limit.
  static let maximumLength = 100_000_000

  /// Reads and checks the header of the file `path`, which has `byteCount` bytes and starts with `start`.
  ///
  /// - Precondition: `start` has all bytes before `dataStart`.
  init(startingWith start: UnsafeRawBufferPointer, byteCount: Int, path: String) throws {
    func failure(_ problem: String) -> ModelFileError { ModelFileError(path: path, problem: problem) }
    let dataStart = try unsafe Self.dataStart(in: start, byteCount: byteCount, path: path)
    let text = unsafe [UInt8](start[Self.lengthSize..<dataStart])
    guard text.first == UInt8(ascii: "{") else { throw failure("expected a header that starts with '{'") }
    let members: [(key: String, value: HeaderJSON)]
    do {
      guard case .object(let object) = try HeaderJSONParser.parse(text) else {
        throw failure("the header is no object")
      }
      members = object
    } catch let error as HeaderJSONError {
      throw failure("the header is damaged: \(error)")
    }

    var tensors: [String: TensorEntry] = [:]
    var metadata: [String: String]?
    for (name, value) in members {
      if name == "__metadata__" {
        guard metadata == nil else { throw failure("the header has __metadata__ twice") }
        metadata = try Self.metadata(value, path: path)
      } else {
        let entry = try Self.entry(name, value, dataStart: dataStart, path: path)
        guard tensors.updateValue(entry, forKey: name) == nil else {
          throw ModelFileError(path: path, tensor: name, problem: "is in the header twice")
        }
      }
    }
    try Self.checkCover(tensors.values, data: dataStart..<byteCount, path: path)
    self.tensors = tensors
    self.metadata = metadata ?? [:]
  }

  /// Where the header ends, known to lie in the file of `byteCount` bytes; `start` is some of its first bytes, a header's
  /// length at least.
  static func dataStart(in start: UnsafeRawBufferPointer, byteCount: Int, path: String) throws -> Int {
    guard byteCount >= lengthSize else {
      throw ModelFileError(
        path: path,
        problem: "expected a safetensors file, found \(byteCount) bytes, fewer than its header length takes")
    }
    try unsafe refuseGitLFSPointer(start, path: path)
    let length = unsafe UInt64(littleEndian: start.loadUnaligned(as: UInt64.self))
    guard length <= maximumLength else {
      throw ModelFileError(
        path: path,
        problem: "expected a safetensors file, found a header length of \(length) bytes, more than the format allows")
    }
    guard Int(length) <= byteCount - lengthSize else {
      throw ModelFileError(
        path: path,
        problem: "is cut off: its header takes \(lengthSize + Int(length)) bytes, the file has \(byteCount)")
    }
    return lengthSize + Int(length)
  }

  private static func metadata(_ value: HeaderJSON, path: String) throws -> [String: String] {
    let problem = ModelFileError(path: path, problem: "expected __metadata__ to be an object of strings, each key once")
    guard case .object(let members) = value else { throw problem }
    var metadata: [String: String] = [:]
    for (key, value) in members {
      guard case .string(let text) = value, metadata.updateValue(text, forKey: key) == nil else { throw problem }
    }
    return metadata
  }

  /// The tensor `name`, its shape and byte count known to agree.
  private static func entry(_ name: String, _ value: HeaderJSON, dataStart: Int, path: String) throws -> TensorEntry {
    func failure(_ problem: String) -> ModelFileError { ModelFileError(path: path, tensor: name, problem: problem) }
    guard case .object(let members) = value else { throw failure("expected dtype, shape and data_offsets") }
    func member(_ key: String) throws -> HeaderJSON {
      let values = members.filter { $0.key == key }
      guard values.count == 1 else { throw failure("expected \(key) once, found it \(values.count) times") }
      return values[0].value
    }
    guard case .string(let typeName) = try member("dtype"), let type = ElementType(rawValue: typeName) else {
      let known = ElementType.allCases.map(\.rawValue).joined(separator: ", ")
      throw failure("expected a dtype of \(known), found \(members.first { $0.key == "dtype" }!.value.summary)")
    }
    guard let shape = try member("shape").integers else {
      throw failure("expected a shape of whole numbers, found \(try member("shape").summary)")
    }
    guard let offsets = try member("data_offsets").integers, offsets.count == 2, offsets[0] <= offsets[1] else {
      throw failure("expected data_offsets [begin, end], found \(try member("data_offsets").summary)")
    }
    guard let count = product(shape), case (let expected, false) = count.multipliedReportingOverflow(by: type.size)
    else {
      throw failure("has shape \(shape), more than a file can hold")
    }
    guard expected == offsets[1] - offsets[0] else {
      throw failure(
        "\(typeName) \(shape) takes \(expected) bytes, data_offsets \(offsets) are \(offsets[1] - offsets[0])")
    }
    guard offsets[1] <= Int.max - dataStart else { throw failure("data_offsets \(offsets) are outside any file") }
    return TensorEntry(name: name, type: type, shape: shape, start: dataStart + offsets[0])
  }

  /// Throws unless the tensors follow each other without gap or overlap from the first byte of `data` to its last.
  private static func checkCover(_ tensors: some Sequence<TensorEntry>, data: Range<Int>, path: String) throws {
    let inOrder = tensors.sorted {
      ($0.bytes.lowerBound, $0.bytes.upperBound, $0.name) < ($1.bytes.lowerBound, $1.bytes.upperBound, $1.name)
    }
    var end = data.lowerBound
    for tensor in inOrder {
      func failure(_ problem: String) -> ModelFileError {
        ModelFileError(path: path, tensor: tensor.name, problem: problem)
      }
      let (begin, before) = (tensor.bytes.lowerBound - data.lowerBound, end - data.lowerBound)
      guard begin >= before else { throw failure("begins at byte \(begin) of the data, inside the tensor before it") }
      guard begin == before else { throw failure("begins at byte \(begin) of the data, expected \(before): a gap") }
      guard tensor.bytes.upperBound <= data.upperBound else {
        throw failure(
          "ends at byte \(tensor.bytes.upperBound) of the file, which has \(data.upperBound): the file is cut off")
      }
      end = tensor.bytes.upperBound
    }
    guard end == data.upperBound else {
      throw ModelFileError(
        path: path,
        problem:
          "expected \(end) bytes, found \(data.upperBound): the last \(data.upperBound - end) belong to no tensor")
    }
  }
}

extension HeaderJSON {
  fileprivate var integers: [Int]? {
    guard case .array(let elements) = self else { return nil }
    var integers: [Int] = []
    for element in elements {
      guard case .integer(let integer) = element else { return nil }
      integers.append(integer)
    }
    return integers
  }

  /// The value for a message, in few words.
  fileprivate var summary: String {
    switch self {
    case .object: "an object"
    case .array(let elements): "[\(elements.prefix(8).map(\.summary).joined(separator: ", "))]"
    case .string(let string): string.debugDescription
    case .integer(let integer): "\(integer)"
    case .other(let word): word
    }
  }
}
