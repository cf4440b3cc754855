import Checkpoints
import Foundation
import Tensors
import Testing

@Suite struct SafetensorsFileTests {
  let folder = TemporaryFolder()

  @Test func readsWhatTheReferenceImplementationWrote() throws {
    let file = try SafetensorsFile(fixture("reference.safetensors"))
    #expect(file.names == ["empty", "ids", "scalar", "starts", "vectors", "weird \"name\"\\\t é 語 🙂"])
    #expect(file.metadata == ["format": "pt \"quoted\" \n 語"])
    #expect(file.info("ids")?.type == .int64)
    #expect(file.info("ids")?.shape == [3])
    #expect(file.info("empty")?.shape == [0, 4])
    #expect(file.info("other") == nil)
    #expect(try file.floats("vectors") == [-0.5, -0.25, 0, 0.25, 0.5, 0.75])
    #expect(try file.floats("scalar") == [3.25])
    #expect(try file.floats("empty") == [])
    #expect(try file.floats("weird \"name\"\\\t é 語 🙂") == [1.5])
  }

  @Test func lendsFloatsInPlace() throws {
    let file = try SafetensorsFile(fixture("reference.safetensors"))
    let vectors = try #require(try file.matrix("vectors"))
    #expect(vectors.rows == 3 && vectors.columns == 2)
    #expect(vectors.values == [-0.5, -0.25, 0, 0.25, 0.5, 0.75])
    let scalar = try #require(try file.matrix("scalar"))
    #expect(scalar.rows == 1 && scalar.columns == 1)
    #expect(try file.matrix("ids") == nil)
    #expect(throws: ModelFileError.self) { try file.matrix("other") }
  }

  @Test(arguments: ["F16", "BF16", "F64"]) func converts(type: String) throws {
    let file = try SafetensorsFile(fixture("types.safetensors"))
    let expected = try file.floats("\(type).as.F32")
    #expect(try file.floats(type).map(\.bitPattern) == expected.map(\.bitPattern))
    #expect(try file.matrix(type) == nil)
    #expect(expected.count == 13)
  }

  @Test func convertsEveryFloat16() throws {
    let header = #"{"half":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}}"#
    var bytes = safetensors(header)
    for pattern in 0...UInt16.max { bytes += [UInt8(pattern & 0xFF), UInt8(pattern >> 8)] }
    let floats = try SafetensorsFile(folder.write("half.safetensors", bytes)).floats("half")
    for pattern in 0...UInt16.max {
      let (exponent, fraction) = (Int(pattern >> 10 & 31), Double(pattern & 1023) / 1024)
      let magnitude: Double =
        switch exponent {
        case 0: fraction * 0x1p-14
        case 31: fraction == 0 ? .infinity : .nan
        default: (1 + fraction) * pow(2, Double(exponent - 15))
        }
      let (float, expected) = (floats[Int(pattern)], Float(pattern >> 15 == 1 ? -magnitude : magnitude))
      guard float.isNaN ? expected.isNaN : float == expected else {
        Issue.record("\(pattern) became \(float), not \(expected)")
        return
      }
    }
  }

  /// A header that is not padded leaves floats on odd addresses: no view, but a copy.
  @Test(arguments: 0..<8) func copiesMisalignedFloats(padding: Int) throws {
    let header = #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"# + String(repeating: " ", count: padding)
    let values: [Float] = [1.25, -3]
    let data = values.flatMap { value in withUnsafeBytes(of: value.bitPattern) { Array($0) } }
    let file = try SafetensorsFile(folder.write("x.safetensors", safetensors(header) + data))
    #expect(try file.floats("x") == values)
    #expect(try file.matrix("x")?.values == ((8 + header.utf8.count) % 4 == 0 ? values : nil))
  }

  /// No elements, but the product of the other extents does not fit.
  @Test(arguments: [[0, 1 << 40, 1 << 40], [1 << 40, 1 << 40, 0]]) func readsAnEmptyTensorOfAnyShape(shape: [Int])
    throws
  {
    let header = #"{"x":{"dtype":"F32","shape":\#(shape),"data_offsets":[0,0]}}"#
    let file = try SafetensorsFile(folder.write("empty.safetensors", safetensors(header)))
    #expect(try file.tensor("x", shape: shape).count == 0)
    #expect(try file.matrix("x")?.count ?? 0 == 0)
    #expect(try file.floats("x") == [])
  }

  @Test func namesWhatIsMissingOrOfAnotherShape() throws {
    let path = fixture("types.safetensors")
    let file = try SafetensorsFile(path)
    #expect(try file.tensor("F64", shape: [13]).count == 13)
    let missing = #expect(throws: ModelFileError.self) { try file.tensor("F32", shape: [13]) }
    #expect(missing?.description == "\(path): tensor F32: is missing; the file has F16, F64, BF16 … (7 tensors)")
    #expect(missing?.exitStatus == 65)
    let shape = #expect(throws: ModelFileError.self) { try file.tensor("F64", shape: [1, 13]) }
    #expect(shape?.description == "\(path): tensor F64: has shape [13], expected [1, 13]")
    let type = #expect(throws: ModelFileError.self) { try file.floats("flags") }
    #expect(type?.description == "\(path): tensor flags: has dtype BOOL, expected F32, F16, BF16 or F64")
  }

  @Test func refusesWhatIsNoSafetensorsFile() throws {
    func problem(_ path: String) -> String {
      #expect(throws: ModelFileError.self) { try SafetensorsFile(path) }?.problem ?? ""
    }
    #expect(problem(folder.path + "/none") == "cannot open: No such file or directory")
    #expect(problem(folder.path).contains("expected a file"))
    #expect(problem("/dev/null").contains("expected a file"))
    #expect(problem(try folder.write("empty", [])).contains("found 0 bytes"))
    let pointer = Array("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".utf8)
    #expect(problem(try folder.write("pointer", pointer)).contains("git lfs pull"))
    #expect(problem(try folder.write("archive", Array("PK\u{3}\u{4}pytorch".utf8))).contains("header length"))
  }
}
