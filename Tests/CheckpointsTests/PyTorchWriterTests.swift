import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite struct PyTorchWriterTests {
  let folder = TemporaryFolder()

  /// `make.py --check` sees that PyTorch reads the same bytes.
  @Test func writesWhatTorchReads() throws {
    let path = folder.path + "/ours.pt"
    let written = try withMatrix((0..<24).map { Float($0) / 4 - 0.5 }) { weight in
      try withMatrix([0.125, -0.0, .infinity, 0x1p-140]) { bias in
        try withMatrix([3.25]) { scalar in
          try withMatrix([]) { empty in
            try writePyTorchFile(
              path,
              tensors: [
                TensorToWrite("weight", shape: [4, 6], .floats(weight)),
                TensorToWrite("bias", shape: [4], .floats(bias)),
                TensorToWrite("scalar", shape: [], .floats(scalar)),
                TensorToWrite("empty", shape: [2, 0, 3], .floats(empty)),
                TensorToWrite("ids", shape: [3], .integers([-7, 1 << 40, 5])),
                TensorToWrite("weird \"name\"\t é 語 🙂", shape: [1], .floats(scalar)),
              ])
          }
        }
      }
    }
    #expect(try readBytes(path) == readBytes(archive("ours.pt")))
    #expect(written.bytes == (try readBytes(path)).count)
    #expect(names(in: folder.path) == ["ours.pt"])
    let file = try PyTorchFile(path)
    let expected = try SafetensorsFile(archive("ours.safetensors"))
    #expect(file.names == expected.names)
    for name in expected.names {
      #expect(try file.tensor(name).shape == expected.tensor(name).shape)
      #expect(try file.tensor(name).type == expected.tensor(name).type)
      guard name != "ids" else { continue }
      #expect(try file.copied(name).map(\.bitPattern) == expected.floats(name).map(\.bitPattern))
    }
  }

  /// Of any count, checksum's steps of eight bytes and what is left over included, and always lent in place.
  @Test(arguments: [1, 2, 3, 15, 16, 17, 262_145]) func givesBackEveryBit(count: Int) throws {
    var random = SystemRandomNumberGenerator()
    let values = (0..<count).map { _ in Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &random)) }
    let path = folder.path + "/x.pt"
    try withMatrix(values) { matrix in
      _ = try writePyTorchFile(path, tensors: [TensorToWrite("x", shape: [count], .floats(matrix))])
    }
    let file = try PyTorchFile(path)
    #expect(try file.matrix("x")?.values.map(\.bitPattern) == values.map(\.bitPattern))
    #expect(try file.copied("x").map(\.bitPattern) == values.map(\.bitPattern))
  }

  @Test func saysWhyItCannotWrite() throws {
    let path = folder.path + "/none/x.pt"
    let error = #expect(throws: FileSystemError.self) { try writePyTorchFile(path, tensors: []) }
    #expect(error?.description == "cannot create \(path).partial: No such file or directory")
  }
}
