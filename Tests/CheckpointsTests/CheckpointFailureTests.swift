import Checkpoints
import Communication
import Foundation
import Testing

@Suite struct CheckpointFailureTests {
  let folder = TemporaryFolder()

  /// 12 kB of parameters and moments make 36 kB and more a checkpoint: one fits, a second does not.
  @Test(.enabled(if: SmallFileSystem.isAvailable, "mounting a small file system takes root"), arguments: [1, 2, 4])
  func aFullDiskLeavesTheOlderCheckpoint(ranks: Int) throws {
    let disk = try #require(SmallFileSystem(kilobytes: 64))
    let path = disk.path + "/checkpoints"
    try TrainingState(step: 1, count: 3000).save(in: path, ranks: ranks)
    try Data(count: 8192).write(to: URL(filePath: disk.path + "/other"))
    let failures = try failures(ranks) { try TrainingState(step: 2, count: 3000).save(in: path, keep: 1, on: $0) }
    #expect(failures.count == ranks && Set(failures.map(\.description)).count == 1)
    let message = try #require(failures.first).message
    #expect(message.hasPrefix("saving the checkpoint of step 2: cannot "), "\(message)")
    #expect(message.contains("\(path)/step-2") && message.contains("No space left on device"), "\(message)")
    #expect(failures.first?.exitStatus == 70)
    #expect(names(in: path) == ["step-1"])
    #expect(try latest(in: path) == Found(step: 1, notices: []))
    try FileManager.default.removeItem(atPath: disk.path + "/other")
    try TrainingState(step: 1, count: 10).save(in: path, keep: 1)
    #expect(try latest(in: path).step == 1)
  }

  @Test(.enabled(if: SmallFileSystem.isAvailable, "mounting a small file system takes root"))
  func aFullDiskLeavesTheFileThatWasThere() throws {
    let disk = try #require(SmallFileSystem(kilobytes: 64))
    let path = disk.path + "/x.safetensors"
    try writeSafetensors(path, tensors: [TensorToWrite("x", shape: [1], .integers([7]))])
    let many = TensorToWrite("x", shape: [10_000], .integers(Array(repeating: 7, count: 10_000)))
    let error = #expect(throws: FileSystemError.self) { try writeSafetensors(path, tensors: [many]) }
    #expect(error?.description == "cannot write \(path).partial: No space left on device")
    #expect(names(in: disk.path) == ["x.safetensors"])
    #expect(try SafetensorsFile(path).info("x")?.shape == [1])
  }

  /// Machines that each have a disk of their own under the same path.
  @Test(arguments: [false, true]) func ranksThatDoNotShareTheFolderAreTold(exists: Bool) throws {
    let shared = folder.path + "/shared"
    let other = folder.path + "/other"
    try TrainingState(step: 1).save(in: shared)
    if exists { try FileManager.default.createDirectory(atPath: other + "/step-2", withIntermediateDirectories: true) }
    let failures = try failures(3) { communicator in
      try TrainingState(step: 2).save(in: communicator.rank == 1 ? other : shared, keep: 1, on: communicator)
    }
    #expect(failures.count == 3 && Set(failures.map(\.description)).count == 1)
    #expect(failures.first?.message.contains("checkpoints need a folder that all machines share") == true)
    #expect(failures.first?.message.contains(exists ? "rank 0 does not see it" : "rank 1 does not see it") == true)
    #expect(names(in: shared) == ["step-1"])
    #expect(try latest(in: shared) == Found(step: 1, notices: []))
  }

  /// What each of `ranks` ranks throws.
  private func failures(
    _ ranks: Int, _ body: @escaping @Sendable (any Communicator) throws -> [String]
  ) throws -> [RankFailure] {
    try ThreadCommunicator.run(rankCount: ranks) { communicator -> RankFailure? in
      do {
        _ = try body(communicator)
        return nil
      } catch let failure as RankFailure {
        return failure
      }
    }.compactMap { $0 }
  }
}
