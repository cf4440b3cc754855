/// Reads the pickle of a state dict: a dictionary of tensors. It runs nothing.
///
/// Memory is bounded by the pickle's length, which has a limit: an opcode adds at most one value, a byte or more each.
struct PickleReader {
  /// A thousand times what BGE-M3's takes with its 391 tensors.
  static let maximumLength = 8 << 20

  private let bytes: [UInt8]
  private var offset = 0
  /// Where the opcode that is being carried out stands.
  private var opcodeOffset = 0
  private var stack: [PickleValue] = []
  /// The heights of the stack at each MARK.
  private var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  /// The elements of all tuples, each tuple's together.
  private(set) var elements: [PickleValue] = []
  private(set) var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
  var tensors: [PickledTensor] = []

  /// The tensors of the state dict that `bytes` spell, in its order.
  static func stateDict(_ bytes: [UInt8]) throws(PickleError) -> [(name: String, tensor: PickledTensor)] {
    var reader = PickleReader(bytes: bytes)
    let root = try reader.value()
    return try reader.stateDict(root)
  }

  private init(bytes: [UInt8]) { self.bytes = bytes }

  /// The value that the whole pickle leaves.
  private mutating func value() throws(PickleError) -> PickleValue {
    guard bytes.count <= Self.maximumLength else {
      throw error("has \(bytes.count) bytes, more than any state dict needs (\(Self.maximumLength))")
    }
    while true {
      opcodeOffset = offset
      let byte = try take(1).first!
      guard let opcode = PickleOpcode(rawValue: byte) else {
        throw error("has the opcode \(PickleOpcode.refusedName(byte)), which a state dict does not need")
      }
      if opcode == .stop { break }
      try carryOut(opcode)
    }
    let value = try pop()
    guard stack.isEmpty, marks.isEmpty, offset == bytes.count else { throw error("goes on after its end") }
    return value
  }

  private mutating func carryOut(_ opcode: PickleOpcode) throws(PickleError) {
    switch opcode {
    case .proto:
      let version = try take(1).first!
      guard (2...4).contains(version) else { throw error("is of protocol \(version), expected 2, 3 or 4") }
    case .frame: _ = try take(8)  // a hint for readers from a stream
    case .stop: preconditionFailure("STOP ends the loop")

    case .none: stack.append(.none)
    case .newTrue: stack.append(.boolean(true))
    case .newFalse: stack.append(.boolean(false))
    case .binInt: stack.append(.integer(Int(Int32(truncatingIfNeeded: try unsigned(4)))))
    case .binInt1: stack.append(.integer(try unsigned(1)))
    case .binInt2: stack.append(.integer(try unsigned(2)))
    case .long1: stack.append(.integer(try long(try unsigned(1))))
    case .binUnicode: stack.append(.text(try text(try unsigned(4))))
    case .shortBinUnicode: stack.append(.text(try text(try unsigned(1))))

    case .mark: marks.append(stack.count)
    case .emptyTuple: stack.append(.tuple(0..<0))
    case .tuple: try makeTuple(try countSinceMark())
    case .tuple1: try makeTuple(1)
    case .tuple2: try makeTuple(2)
    case .tuple3: try makeTuple(3)
    case .emptyDict: stack.append(makeDictionary())
    case .setItem: try setItems(2)
    case .setItems: try setItems(try countSinceMark())

    case .binPut: memo[try unsigned(1)] = try top()
    case .longBinPut: memo[try unsigned(4)] = try top()
    case .memoize: memo[memo.count] = try top()
    case .binGet: try get(try unsigned(1))
    case .longBinGet: try get(try unsigned(4))

    case .global: stack.append(.global(try global(module: try line(), name: try line())))
    case .stackGlobal:
      guard case .text(let name) = try pop(), case .text(let module) = try pop() else {
        throw error("names what it needs by something that is no text")
      }
      stack.append(.global(try global(module: module, name: name)))
    case .reduce:
      let (arguments, callee) = (try pop(), try pop())
      stack.append(try call(callee, arguments))
    case .build:
      // What an OrderedDict's own attributes were: `_metadata`, the versions of the modules. No tensor is there.
      guard case .dictionary = try pop(), case .dictionary = try top() else {
        throw error("sets the attributes of something that is no dictionary")
      }
    case .binPersID: stack.append(.storage(try storage(try pop())))
    }
  }

  func error(_ problem: String) -> PickleError { PickleError(problem: problem, offset: opcodeOffset) }
}

/// The stack.
extension PickleReader {
  /// The value on top, which stays; there is none below a mark.
  private func top() throws(PickleError) -> PickleValue {
    guard stack.count > marks.last ?? 0 else { throw error("takes a value where there is none") }
    return stack[stack.count - 1]
  }

  private mutating func pop() throws(PickleError) -> PickleValue {
    let value = try top()
    stack.removeLast()
    return value
  }

  /// The number of values above the last mark, which is gone after it.
  private mutating func countSinceMark() throws(PickleError) -> Int {
    guard let mark = marks.popLast() else { throw error("looks for a mark that is not there") }
    return stack.count - mark
  }

  /// Throws unless there are `count` values above the last mark.
  private func need(_ count: Int) throws(PickleError) {
    guard stack.count - (marks.last ?? 0) >= count else { throw error("takes a value where there is none") }
  }

  private mutating func makeTuple(_ count: Int) throws(PickleError) {
    try need(count)
    let start = elements.count
    elements += stack.suffix(count)
    stack.removeLast(count)
    stack.append(.tuple(start..<elements.count))
  }

  mutating func makeDictionary() -> PickleValue {
    dictionaries.append([])
    return .dictionary(dictionaries.count - 1)
  }

  /// Moves the last `count` values, key and value in turn, to the dictionary below them.
  private mutating func setItems(_ count: Int) throws(PickleError) {
    try need(count + 1)
    guard case .dictionary(let number) = stack[stack.count - count - 1], count % 2 == 0 else {
      throw error("sets items of something that is no dictionary, or a key without a value")
    }
    for i in stride(from: stack.count - count, to: stack.count, by: 2) {
      dictionaries[number].append((stack[i], stack[i + 1]))
    }
    stack.removeLast(count)
  }

  private mutating func get(_ number: Int) throws(PickleError) {
    guard let value = memo[number] else { throw error("speaks of its value \(number), which it did not keep") }
    stack.append(value)
  }
}

/// The bytes.
extension PickleReader {
  private mutating func take(_ count: Int) throws(PickleError) -> ArraySlice<UInt8> {
    guard count <= bytes.count - offset else { throw error("is cut off") }
    defer { offset += count }
    return bytes[offset..<offset + count]
  }

  /// A little-endian number without a sign, of at most 4 bytes.
  private mutating func unsigned(_ width: Int) throws(PickleError) -> Int {
    try take(width).reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  /// A little-endian number in two's complement.
  private mutating func long(_ width: Int) throws(PickleError) -> Int {
    guard width <= 8 else { throw error("has a number of \(width) bytes, expected at most 8") }
    let digits = try take(width)
    let sign = digits.last.map { $0 >> 7 == 1 ? -1 : 0 } ?? 0
    return digits.reversed().reduce(sign) { $0 << 8 | Int($1) }
  }

  private mutating func text(_ length: Int) throws(PickleError) -> String {
    guard let text = String(validating: try take(length), as: UTF8.self) else {
      throw error("has a text that is not UTF-8")
    }
    return text
  }

  /// The text up to the next line feed, which is taken, too.
  private mutating func line() throws(PickleError) -> String {
    guard let end = bytes[offset...].firstIndex(of: UInt8(ascii: "\n")) else { throw error("is cut off") }
    let line = try text(end - offset)
    offset += 1
    return line
  }
}
