import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite struct PyTorchFileTests {
  let folder = TemporaryFolder()

  @Test(arguments: ["types", "views", "module", "protocol-3", "protocol-4", "without-crc"])
  func readsWhatTorchWrote(name: String) throws {
    let file = try PyTorchFile(archive("\(name).pt"))
    let expected = try SafetensorsFile(archive("\(name).safetensors"))
    #expect(file.names == expected.names)
    for name in expected.names {
      let (entry, truth) = (try file.tensor(name), try expected.tensor(name))
      #expect(entry.shape == truth.shape, "\(name)")
      if truth.type != .float32 {
        #expect(entry.type == truth.type, "\(name)")
      } else {
        let floats = try expected.floats(name)
        #expect(try file.copied(name).map(\.bitPattern) == floats.map(\.bitPattern), "\(name)")
        if let matrix = try file.matrix(name) {
          #expect(matrix.values.map(\.bitPattern) == floats.map(\.bitPattern), "\(name)")
          #expect(matrix.columns == truth.shape.last ?? 1, "\(name)")
        }
      }
    }
  }

  @Test func namesTheTypes() throws {
    let file = try PyTorchFile(archive("types.pt"))
    for name in file.names { #expect(file.info(name)?.type.rawValue == name) }
    for name in ["I64", "I32", "I16", "I8", "U8", "BOOL"] {
      let error = #expect(throws: ModelFileError.self) { try file.copied(name) }
      #expect(error?.problem == "has dtype \(name), expected F32, F16, BF16 or F64")
    }
  }

  @Test func lendsInPlaceWhatLiesRowAfterRow() throws {
    let file = try PyTorchFile(archive("views.pt"))
    let lent = try file.names.filter { try file.matrix($0) != nil }
    #expect(
      lent == [
        "column", "empty", "parameter", "scalar", "shared", "shared.element", "shared.none", "shared.rows",
        "weird \"name\"\t é 語 🙂",
      ])
  }

  /// The same encoder in both formats, and heads beside it.
  @Test func readsTheTinyModelBitForBit() throws {
    let encoder = try openTensorFile(TestSupport.fixture("tiny-bge-m3/pytorch_model.bin"))
    let expected = try openTensorFile(TestSupport.fixture("tiny-bge-m3/model.safetensors"))
    #expect(encoder is PyTorchFile && expected is SafetensorsFile)
    #expect(encoder.names == expected.names && encoder.names.count == 53)
    for name in expected.names {
      let shape = try expected.tensor(name).shape
      let view = try #require(try encoder.matrix(name))
      let truth = try expected.copied(name).map(\.bitPattern)
      #expect(try encoder.tensor(name, shape: shape).type == .float32)
      #expect(view.values.map(\.bitPattern) == truth)
      #expect(try encoder.copied(name).map(\.bitPattern) == truth)
    }
    let colbert = try openTensorFile(TestSupport.fixture("tiny-bge-m3/colbert_linear.pt"))
    #expect(colbert.names == ["bias", "weight"])
    #expect(try colbert.tensor("weight", shape: [64, 64]).count == 4096)
    let sparse = try openTensorFile(TestSupport.fixture("tiny-bge-m3/sparse_linear.pt"))
    #expect(try sparse.matrix("weight")?.values.first == Float(bitPattern: 0x3D55_D9B8))
    #expect(try sparse.copied("bias") == [Float(bitPattern: 0xBDA3_A2CC)])
  }

  @Test func opensByContentNotByName() throws {
    let misnamed = try folder.write("model.safetensors", readBytes(archive("module.pt")))
    #expect(try openTensorFile(misnamed).info("linear.weight")?.shape == [2, 3])
    let other = try folder.write("pytorch_model.bin", readBytes(archive("module.safetensors")))
    #expect(try openTensorFile(other).info("linear.weight")?.shape == [2, 3])
    func problem(_ bytes: [UInt8]) throws -> String {
      let path = try folder.write("pytorch_model.bin", bytes)
      return #expect(throws: ModelFileError.self) { try openTensorFile(path) }?.problem ?? ""
    }
    #expect(try problem([]).contains("neither a safetensors file nor an archive"))
    #expect(try problem(Array("<!DOCTYPE html>".utf8)).contains("neither"))
    #expect(try problem(Array("version https://git-lfs.github.com/spec/v1\n".utf8)).contains("git lfs pull"))
    #expect(try problem(readBytes(archive("bad-legacy.pt"))).contains("PyTorch before 1.6"))
    #expect(try problem(Array("PK".utf8)).contains("does not end as it should"))
    #expect(throws: ModelFileError.self) { try openTensorFile(folder.path + "/none") }
  }

  @Test func saysWhatIsMissing() throws {
    let path = archive("module.pt")
    let error = #expect(throws: ModelFileError.self) { try PyTorchFile(path).tensor("linear.wight") }
    #expect(
      error?.description
        == "\(path): tensor linear.wight: is missing; the file has linear.weight, linear.bias, tied.weight … (6 tensors)"
    )
  }

  /// What is copied is checked; a file that says it has no checksums is read all the same.
  @Test func noticesDamageInWhatIsCopied() throws {
    var bytes = try readBytes(archive("module.pt"))
    let weight = try PyTorchFile(archive("module.pt")).copied("linear.weight")
    let first = withUnsafeBytes(of: weight[0].bitPattern) { Array($0) }
    let place = try #require((0..<bytes.count - 4).first { Array(bytes[$0..<$0 + 4]) == first })
    bytes[place] ^= 1
    let file = try PyTorchFile(folder.write("damaged.pt", bytes))
    let error = #expect(throws: ModelFileError.self) { try file.copied("linear.weight") }
    #expect(
      error?.tensor == "linear.weight" && error?.problem.contains("is damaged: the CRC-32 of module/data/1") == true)
    #expect(try file.copied("norm.weight") == [1, 1])
  }
}
