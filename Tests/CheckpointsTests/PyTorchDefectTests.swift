import Checkpoints
import Tensors
import TestSupport
import Testing

/// A pickle that is no plain state dict, and words of the message that must name what is wrong.
struct PickleDefect: CustomTestStringConvertible, Sendable {
  let pickle: [UInt8]
  let message: String

  init(_ pickle: [UInt8], _ message: String) {
    self.pickle = pickle
    self.message = message
  }

  /// A pickle in which something stands where a value belongs.
  init(value: [UInt8], _ message: String) { self.init(Pickle.dictionary(Pickle.text("x"), value), message) }

  /// A pickle of one tensor named x, in a storage of 6 floats.
  init(offset: Int = 0, shape: [Int], strides: [Int], _ message: String) {
    self.init(value: Pickle.tensor(Pickle.storage(count: 6), offset: offset, shape: shape, strides: strides), message)
  }

  var testDescription: String { message }

  private static let system = Pickle.global("os", "system")
  private static let command = Pickle.tuple(Pickle.text("touch /tmp/colbert-was-here"))
  private static let good = Pickle.tensor(Pickle.storage(count: 6), shape: [2, 3], strides: [3, 1])
  private static let rebuild = Pickle.global("torch._utils", "_rebuild_tensor_v2")

  static let code = [
    PickleDefect(value: system + command + Array("R".utf8), "asks for os.system"),
    PickleDefect(
      value: [0x8C, 2] + Array("os".utf8) + [0x8C, 6] + Array("system".utf8) + [0x93], "asks for os.system"),
    PickleDefect(value: Array("(ios\nsystem\n".utf8), "opcode INST"),
    PickleDefect(value: Array("(".utf8) + Pickle.orderedDict + Array("o".utf8), "opcode OBJ"),
    PickleDefect(value: Pickle.orderedDict + [0x29, 0x81], "opcode NEWOBJ"),
    PickleDefect(value: Pickle.orderedDict + [0x29, 0x7D, 0x92], "opcode NEWOBJ_EX"),
    PickleDefect(value: [0x82, 1], "opcode EXT1"),
    PickleDefect(value: [0x83, 1, 0], "opcode EXT2"),
    PickleDefect(value: [0x84, 1, 0, 0, 0], "opcode EXT4"),
    PickleDefect(value: Array("P1\n".utf8), "opcode PERSID"),
    PickleDefect(value: [0xFF], "opcode 0xff"),
    PickleDefect(value: Pickle.global("torch", "load"), "asks for torch.load"),
    PickleDefect(value: Pickle.global("torch", "?"), "asks for torch.?"),
    PickleDefect(value: Pickle.global("builtins", "eval\u{1B}[2J"), #"asks for builtins."eval\u{1B}[2J""#),
    PickleDefect(value: Pickle.global("torch._utils", "_rebuild_tensor_v2\u{300}"), "asks for torch._utils"),
    PickleDefect(
      value: Pickle.global("collections", "OrderedDict") + command + Array("R".utf8),
      "calls collections.OrderedDict with 1"),
    PickleDefect(value: Pickle.global("torch", "FloatStorage") + [0x29, 0x52], "calls torch.FloatStorage with 0"),
    PickleDefect(value: Pickle.text("os.system") + command + Array("R".utf8), #"calls "os.system""#),
    PickleDefect(value: good + Pickle.text("x") + Array("b".utf8), "sets the attributes"),
    PickleDefect(value: good + [0x7D, 0x62], "sets the attributes"),
  ]

  static let shapes = [
    PickleDefect(shape: [2, 4], strides: [3, 1], "reaches beyond its storage data/0 of 6 elements"),
    PickleDefect(shape: [2, 3], strides: [4, 1], "reaches beyond"),
    PickleDefect(offset: 1, shape: [2, 3], strides: [3, 1], "reaches beyond"),
    PickleDefect(offset: 6, shape: [], strides: [], "reaches beyond"),
    PickleDefect(offset: .max, shape: [1], strides: [1], "reaches beyond"),
    PickleDefect(shape: [2, 2], strides: [.max, .max], "reaches beyond"),
    PickleDefect(shape: [3], strides: [.max], "reaches beyond"),
    PickleDefect(offset: -1, shape: [2], strides: [1], "offset -1"),
    PickleDefect(shape: [-2, 3], strides: [3, 1], "shape [-2, 3]"),
    PickleDefect(shape: [-2, -3], strides: [3, 1], "shape [-2, -3]"),
    PickleDefect(offset: 5, shape: [2], strides: [-1], "strides [-1]"),
    PickleDefect(shape: [2, 3], strides: [1], "strides [1]"),
    PickleDefect(shape: [1 << 40, 1 << 40], strides: [0, 0], "more than the file can hold"),
    PickleDefect(shape: [1 << 40], strides: [0], "more than the file can hold"),
    PickleDefect(shape: [Int](repeating: 1, count: 9), strides: [Int](repeating: 1, count: 9), "a tuple of 9"),
    PickleDefect(
      value: Pickle.tensor(Pickle.storage(key: "7", count: 6), shape: [2], strides: [1]),
      "data/7, which the archive lacks"),
    PickleDefect(
      value: Pickle.tensor(Pickle.storage(key: "../version", count: 2), shape: [2], strides: [1]), "the archive lacks"),
    PickleDefect(
      value: Pickle.tensor(Pickle.storage(count: 7), shape: [2], strides: [1]), "7 of F32, but that has 24 bytes"),
    PickleDefect(
      value: Pickle.tensor(Pickle.storage("DoubleStorage", count: 6), shape: [2], strides: [1]),
      "6 of F64, but that has"),
    PickleDefect(
      value: Pickle.tensor(Pickle.storage(count: 1 << 62), shape: [2], strides: [1]), "but that has 24 bytes"),
    PickleDefect(value: Pickle.tensor(Pickle.storage(count: -6), shape: [2], strides: [1]), "which is no storage"),
    PickleDefect(value: Pickle.tensor(Pickle.text("x"), shape: [2], strides: [1]), #"makes a tensor of "x""#),
    PickleDefect(
      value: rebuild + Pickle.tuple(Pickle.text("x")) + Array("R".utf8), "_rebuild_tensor_v2 with 1 arguments"),
    PickleDefect(
      value: Pickle.global("torch._utils", "_rebuild_parameter") + Pickle.tuple([0x4E], [0x88], Pickle.orderedDict)
        + Array("R".utf8), "makes a parameter of None"),
    PickleDefect(Pickle.dictionary(Pickle.text("x") + good, Pickle.text("x") + good), "is in the state dict twice"),
  ]

  static let values = [
    PickleDefect(value: Pickle.integer(3), #"other things than named tensors: "x": the number 3"#),
    PickleDefect(value: Pickle.storage(count: 6), #""x": a storage"#),
    PickleDefect(value: [0x7D], #""x": a dictionary of 0"#),
    PickleDefect(Pickle.dictionary(Pickle.integer(7), good), "the number 7: a tensor"),
    PickleDefect([0x80, 2] + good + Array(".".utf8), "holds a tensor, no dictionary"),
    PickleDefect([], "is cut off"),
    PickleDefect([0x80, 5, 0x7D, 0x2E], "protocol 5"),
    PickleDefect([0x80, 2, 0x7D, 0x7D, 0x2E], "goes on after its end"),
    PickleDefect([0x80, 2, 0x28, 0x7D, 0x2E], "goes on after its end"),
    PickleDefect([0x80, 2, 0x7D, 0x2E, 0x2E], "goes on after its end"),
    PickleDefect([0x80, 2, 0x7D, 0x28, 0x2E], "where there is none"),
    PickleDefect([0x2E], "where there is none"),
    PickleDefect([0x80, 2, 0x75, 0x2E], "a mark that is not there"),
    PickleDefect([0x80, 2, 0x28, 0x75, 0x2E], "where there is none"),
    PickleDefect([0x80, 2, 0x7D, 0x28, 0x88, 0x75, 0x2E], "a key without a value"),
    PickleDefect([0x80, 2, 0x88, 0x88, 0x88, 0x73, 0x2E], "something that is no dictionary"),
    PickleDefect([0x80, 2, 0x88, 0x87, 0x2E], "where there is none"),
    PickleDefect([0x80, 2, 0x68, 7, 0x2E], "its value 7, which it did not keep"),
    PickleDefect([0x80, 2, 0x6A, 0xFF, 0xFF, 0xFF, 0xFF, 0x2E], "its value 4294967295"),
    PickleDefect([0x80, 2, 0x58, 0xFF, 0xFF, 0xFF, 0x7F, 0x2E], "is cut off"),
    PickleDefect([0x80, 2, 0x58, 1, 0, 0, 0, 0xFF, 0x2E], "is not UTF-8"),
    PickleDefect([0x80, 2, 0x8A, 9] + number(0, 9) + [0x2E], "a number of 9 bytes"),
    PickleDefect([0x80, 2, 0x88, 0x88, 0x93, 0x2E], "by something that is no text"),
    PickleDefect([0x80, 2, 0x63, 0x6F], "is cut off"),
    PickleDefect(value: [0x5D], "opcode EMPTY_LIST"),
  ]

  /// Small or large pickles that would have a reader nest, loop or remember without end.
  static let bombs = [
    PickleDefect([0x80, 2, 0x29] + [UInt8](repeating: 0x85, count: 1 << 20) + [0x2E], "holds a tuple of 1"),
    PickleDefect([0x80, 2] + [UInt8](repeating: 0x28, count: 1 << 20) + [0x2E], "where there is none"),
    PickleDefect([0x80, 2] + [UInt8](repeating: 0x7D, count: 1 << 20) + [0x2E], "goes on after its end"),
    // A dictionary in itself.
    PickleDefect([0x80, 2, 0x7D, 0x71, 0] + Pickle.text("x") + [0x68, 0, 0x73, 0x2E], #""x": a dictionary of 1"#),
    // Each tuple holds the one before twice.
    PickleDefect(
      [0x80, 2, 0x29, 0x71, 0] + [[UInt8]](repeating: [0x68, 0, 0x68, 0, 0x86, 0x71, 0], count: 10_000).joined() + [
        0x2E
      ],
      "goes on after its end"),
    PickleDefect([0x80, 2, 0x7D, 0x72, 0xFF, 0xFF, 0xFF, 0xFF, 0x30], "opcode POP"),
    PickleDefect([UInt8](repeating: 0x7D, count: 8 << 20 + 1), "more than any state dict needs"),
  ]
}

@Suite struct PyTorchDefectTests {
  let folder = TemporaryFolder()

  private func refusal(_ bytes: [UInt8]) throws -> ModelFileError {
    let path = try folder.write("bad.pt", bytes)
    let error = try #require(throws: ModelFileError.self) { try PyTorchFile(path) }
    #expect(error.path == path)
    return error
  }

  @Test(arguments: PickleDefect.code + PickleDefect.values + PickleDefect.bombs) func refuses(defect: PickleDefect)
    throws
  {
    var entries = archiveEntries(pickle: defect.pickle, storages: [[UInt8](repeating: 0, count: 24)])
    entries[0].crc = 0  // not computed: the bombs are long
    let error = try refusal(zipArchive(entries))
    #expect(error.problem.contains("data.pkl"))
    #expect(error.problem.contains(defect.message), "\(error.problem)")
  }

  @Test(arguments: PickleDefect.shapes) func refusesTensorsThatAreNotThere(defect: PickleDefect) throws {
    let entries = archiveEntries(pickle: defect.pickle, storages: [[UInt8](repeating: 0, count: 24)])
    let error = try refusal(zipArchive(entries))
    #expect(error.problem.contains(defect.message), "\(error.problem)")
  }

  @Test(
    arguments: [
      ("bad-legacy", "PyTorch before 1.6"), ("bad-module", "asks for __main__.Module"),
      ("bad-tensor", "holds a tensor"), ("bad-malicious", "asks for posix.system"),
      ("bad-checkpoint", #""state_dict": a dictionary of 6, the first of them "position_ids", "linear.weight""#),
      ("bad-quantized", "asks for torch._utils._rebuild_qtensor"),
      ("bad-sparse", "asks for torch._utils._rebuild_sparse_tensor"),
      ("bad-float8", "asks for torch._utils._rebuild_tensor_v3"), ("bad-complex", "asks for torch.ComplexFloatStorage"),
      ("bad-script", "a TorchScript program"), ("bad-compressed", "module/version is compressed (method 8)"),
      ("bad-byte-order", #"has the byte order "big""#),
    ])
  func refusesOtherFilesOfTorch(name: String, message: String) throws {
    let error = try refusal(readBytes(archive("\(name).pt")))
    #expect(error.problem.contains(message), "\(error.problem)")
  }

  @Test func refusesEveryLengthButItsOwn() throws {
    let whole = try readBytes(archive("views.pt"))
    for length in 0..<whole.count {
      let path = try folder.write("cut.pt", Array(whole[..<length]))
      #expect(throws: ModelFileError.self, "\(length) bytes") { try PyTorchFile(path) }
    }
    #expect(throws: ModelFileError.self) { try PyTorchFile(folder.write("long.pt", whole + [0])) }
  }

  /// A pickle that ends early in an archive that is whole.
  @Test func refusesEveryPickleThatIsCutOff() throws {
    let pickle = Pickle.dictionary(
      Pickle.text("x"), Pickle.tensor(Pickle.storage(count: 6), shape: [2, 3], strides: [3, 1]))
    for length in 0..<pickle.count {
      let entries = archiveEntries(pickle: Array(pickle[..<length]), storages: [[UInt8](repeating: 0, count: 24)])
      let error = try refusal(zipArchive(entries))
      #expect(error.problem.contains("is cut off"), "\(error.problem)")
    }
  }

  /// Whatever flipped bits say, nothing is read outside the file. Without checksums, the pickle is read with them.
  @Test(arguments: ["views.pt", "without-crc.pt"], 0..<2) func survivesFlippedBits(name: String, seed: UInt64) throws {
    let whole = try readBytes(archive(name))
    var random = SplitMix(state: seed)
    for trial in 0..<1000 {
      var bytes = whole
      for _ in 0...trial % 3 { bytes[Int(random.next() % UInt64(bytes.count))] ^= 1 << UInt8(random.next() % 8) }
      guard let file = try? PyTorchFile(folder.write("flipped.pt", bytes)) else { continue }
      for name in file.names { _ = try file.matrix(name)?.values.count }
      for name in file.names { _ = try? file.copied(name) }
    }
  }
}
