import Checkpoints
import Testing

/// A header with a defect, and words of the message that must name it.
struct HeaderDefect: CustomTestStringConvertible, Sendable {
  let header: String
  let data: Int
  let tensor: String?
  let message: String

  init(_ header: String, data: Int = 8, tensor: String? = "x", _ message: String) {
    self.header = header
    self.data = data
    self.tensor = tensor
    self.message = message
  }

  var testDescription: String { message }

  private static let good = #""dtype":"F32","shape":[2],"data_offsets":[0,8]"#

  static let all = [
    HeaderDefect("", tensor: nil, "starts with '{'"),
    HeaderDefect("[]", tensor: nil, "starts with '{'"),
    HeaderDefect(" {}", tensor: nil, "starts with '{'"),
    HeaderDefect(#"{"x":{\#(good)}"#, tensor: nil, "expected ',' or '}' at byte 53 of the header, found the end"),
    HeaderDefect(#"{"x":{\#(good)},}"#, tensor: nil, "expected a name in quotes"),
    HeaderDefect(#"{"x":{\#(good)}}}"#, tensor: nil, "expected the end"),
    HeaderDefect("{\"x\u{1}\":{\(good)}}", tensor: nil, "may stand in a string"),
    HeaderDefect(#"{"x\q":{\#(good)}}"#, tensor: nil, "an escape"),
    HeaderDefect(#"{"x\ud83d":{\#(good)}}"#, tensor: nil, "a surrogate pair"),
    HeaderDefect(#"{"x\ud83d\u0041":{\#(good)}}"#, tensor: nil, "a surrogate pair"),
    HeaderDefect(#"{"x":"#, tensor: nil, "a JSON value"),
    HeaderDefect(#"{"x":nothing}"#, tensor: nil, "a JSON value"),
    HeaderDefect("{\"x\":\(String(repeating: "[", count: 100_000))", tensor: nil, "at most 16 levels"),
    HeaderDefect(#"{"x":3}"#, "expected dtype, shape and data_offsets"),
    HeaderDefect(#"{"x":{\#(good)},"x":{\#(good)}}"#, "is in the header twice"),
    HeaderDefect(#"{"x":{\#(good)},"\u0078":{\#(good)}}"#, "is in the header twice"),
    HeaderDefect(#"{"x":{"shape":[2],"data_offsets":[0,8]}}"#, "expected dtype once, found it 0 times"),
    HeaderDefect(#"{"x":{\#(good),"shape":[2]}}"#, "expected shape once, found it 2 times"),
    HeaderDefect(#"{"x":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}"#, #"found "F33""#),
    HeaderDefect(#"{"x":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}"#, "found 32"),
    HeaderDefect(#"{"x":{"dtype":"F32","shape":2,"data_offsets":[0,8]}}"#, "a shape of whole numbers, found 2"),
    HeaderDefect(#"{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, "found [-2]"),
    HeaderDefect(#"{"x":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, "found [2.0]"),
    HeaderDefect(#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0]}}"#, "[begin, end], found [0]"),
    HeaderDefect(#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, "[begin, end], found [8, 0]"),
    HeaderDefect(#"{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, "F32 [3] takes 12 bytes"),
    HeaderDefect(#"{"x":{"dtype":"F64","shape":[2],"data_offsets":[0,8]}}"#, "F64 [2] takes 16 bytes"),
    HeaderDefect(
      #"{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, "more than a file can hold"),
    HeaderDefect(
      #"{"x":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}"#, "more than a file can hold"),
    HeaderDefect(
      #"{"x":{"dtype":"U8","shape":[1],"data_offsets":[9223372036854775806,9223372036854775807]}}"#, "outside any file"),
    HeaderDefect(#"{"x":{\#(good)}}"#, data: 7, "the file is cut off"),
    HeaderDefect(#"{"x":{\#(good)}}"#, data: 9, tensor: nil, "the last 1 belong to no tensor"),
    HeaderDefect("{}", data: 1, tensor: nil, "the last 1 belong to no tensor"),
    HeaderDefect(
      #"{"a":{\#(good)},"x":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, data: 12,
      "inside the tensor before it"),
    HeaderDefect(
      #"{"a":{\#(good)},"x":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}"#, data: 16, "expected 8: a gap"),
    HeaderDefect(
      #"{"a":{\#(good)},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "inside the tensor before it"),
    HeaderDefect(#"{"__metadata__":3}"#, tensor: nil, "__metadata__"),
    HeaderDefect(#"{"__metadata__":{"a":3}}"#, tensor: nil, "__metadata__"),
    HeaderDefect(#"{"__metadata__":{"a":"1","a":"2"}}"#, tensor: nil, "__metadata__"),
    HeaderDefect(#"{"__metadata__":{},"__metadata__":{}}"#, tensor: nil, "twice"),
  ]
}

@Suite struct SafetensorsDefectTests {
  let folder = TemporaryFolder()

  @Test(arguments: HeaderDefect.all) func refuses(defect: HeaderDefect) throws {
    let path = try folder.write("bad.safetensors", safetensors(defect.header, data: defect.data))
    let error = try #require(throws: ModelFileError.self) { try SafetensorsFile(path) }
    #expect(error.path == path)
    #expect(error.tensor == defect.tensor)
    #expect(error.problem.contains(defect.message), "\(error.problem)")
  }

  @Test func refusesEveryLengthButItsOwn() throws {
    let whole = try readBytes(fixture("reference.safetensors"))
    for length in 0..<whole.count {
      let path = try folder.write("cut.safetensors", Array(whole[..<length]))
      #expect(throws: ModelFileError.self, "\(length) bytes") { try SafetensorsFile(path) }
    }
    #expect(throws: ModelFileError.self) { try SafetensorsFile(folder.write("long.safetensors", whole + [0])) }
  }

  /// Whatever a flipped bit of the header says, nothing is read outside the file.
  @Test func survivesEveryFlippedBitOfTheHeader() throws {
    let whole = try readBytes(fixture("reference.safetensors"))
    for bit in 0..<(whole.count - 80) * 8 {
      var bytes = whole
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      guard let file = try? SafetensorsFile(folder.write("flipped.safetensors", bytes)) else { continue }
      for name in file.names where file.info(name)?.type == .float32 { _ = try file.floats(name) }
    }
  }
}
