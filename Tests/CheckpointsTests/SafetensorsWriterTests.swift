import Checkpoints
import Foundation
import Testing

@Suite struct SafetensorsWriterTests {
  let folder = TemporaryFolder()

  @Test(arguments: [false, true]) func writesTheBytesOfTheReferenceImplementation(reversed: Bool) throws {
    let path = folder.path + "/ours.safetensors"
    let written = try withMatrix([-0.5, -0.25, 0, 0.25, 0.5, 0.75]) { vectors in
      try withMatrix([1.5]) { weird in
        try withMatrix([3.25]) { scalar in
          try withMatrix([]) { empty in
            let tensors = [
              TensorToWrite("vectors", shape: [3, 2], .floats(vectors)),
              TensorToWrite("scalar", shape: [], .floats(scalar)),
              TensorToWrite("empty", shape: [0, 4], .floats(empty)),
              TensorToWrite("starts", shape: [3], .integers([0, 1, 3])),
              TensorToWrite("ids", shape: [3], .integers([-7, 1 << 40, 5])),
              TensorToWrite("weird \"name\"\\\t é 語 🙂", shape: [1], .floats(weird)),
            ]
            return try writeSafetensors(
              path, tensors: reversed ? tensors.reversed() : tensors, metadata: ["format": "pt \"quoted\" \n 語"])
          }
        }
      }
    }
    let expected = try readBytes(fixture("reference.safetensors"))
    #expect(try readBytes(path) == expected)
    #expect(written.bytes == expected.count)
    // sha256sum reference.safetensors
    #expect(written.sha256 == "351351abd5008ea133b11d369ec545bbf018d09d050412b2215a1dfcb0aace0b")
    #expect(names(in: folder.path) == ["ours.safetensors"])
  }

  /// More than one block of the writer, and a length that is no multiple of it.
  @Test func writesManyBlocks() throws {
    let path = folder.path + "/large.safetensors"
    let values = (0..<600_001).map { Float($0) }
    try withMatrix(values) { matrix in
      _ = try writeSafetensors(path, tensors: [TensorToWrite("x", shape: [600_001], .floats(matrix))])
    }
    #expect(try SafetensorsFile(path).floats("x") == values)
  }

  @Test func replacesAFileInOnePiece() throws {
    let path = try folder.write("x.safetensors", [1, 2, 3])
    let old = try #require(FileHandle(forReadingAtPath: path))
    try writeSafetensors(path, tensors: [TensorToWrite("x", shape: [1], .integers([7]))])
    #expect(try old.readToEnd() == Data([1, 2, 3]))
    #expect(try SafetensorsFile(path).info("x")?.shape == [1])
  }

  @Test func saysWhyItCannotWrite() throws {
    let path = folder.path + "/none/x.safetensors"
    let error = #expect(throws: FileSystemError.self) { try writeSafetensors(path, tensors: []) }
    #expect(error?.description == "cannot create \(path).partial: No such file or directory")
    #expect(error?.exitStatus == 70)
  }

  @Test func leavesNothingOfAFileThatCannotTakeItsPlace() throws {
    let path = folder.path + "/taken"
    try FileManager.default.createDirectory(atPath: path + "/inside", withIntermediateDirectories: true)
    #expect(throws: FileSystemError.self) { try writeSafetensors(path, tensors: []) }
    #expect(names(in: folder.path) == ["taken"])
  }
}
