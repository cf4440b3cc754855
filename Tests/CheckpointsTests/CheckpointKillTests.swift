import Checkpoints
import Communication
import Foundation
import Testing

@Suite struct CheckpointKillTests {
  let folder = TemporaryFolder()

  /// What a kill between two file operations of saving step 20 leaves, one operation more each time.
  static let unfinished: [[String]] = [
    [],
    ["shard-00000-of-00002.safetensors.partial"],
    ["shard-00000-of-00002.safetensors", "shard-00001-of-00002.safetensors.partial"],
    ["shard-00000-of-00002.safetensors", "shard-00001-of-00002.safetensors"],
    ["shard-00000-of-00002.safetensors", "shard-00001-of-00002.safetensors", "manifest.tmp"],
  ]

  @Test(arguments: unfinished) func anUnfinishedSaveIsNoCheckpoint(files: [String]) throws {
    let path = folder.path
    try TrainingState(step: 10).save(in: path)
    // The files of the finished save, under the names they have until then.
    let finished = TemporaryFolder()
    try TrainingState(step: 20).save(in: finished.path)
    try FileManager.default.createDirectory(atPath: path + "/step-20", withIntermediateDirectories: true)
    for file in files {
      let name = file.replacing(".partial", with: "").replacing("manifest.tmp", with: "manifest.json")
      try FileManager.default.copyItem(
        atPath: "\(finished.path)/step-20/\(name)", toPath: "\(path)/step-20/\(file)")
    }
    #expect(try latest(in: path) == Found(step: 10, notices: ["\(path)/step-20 was never finished: it is not used"]))
    try TrainingState(step: 20).save(in: path)
    #expect(try latest(in: path) == Found(step: 20, notices: []))
    #expect(names(in: path + "/step-20") == names(in: finished.path + "/step-20"))
  }

  /// A half-removed old checkpoint, and one whose replacement by a second of the same step was cut short.
  @Test func anUnfinishedRemovalOrReplacementLeavesTheNewest() throws {
    let path = folder.path
    for step in [10, 20] { try TrainingState(step: step).save(in: path) }
    try FileManager.default.removeItem(atPath: path + "/step-10/manifest.json")
    try folder.write("step-20/shard-00000-of-00002.1.safetensors", [1, 2, 3])
    try folder.write("step-20/manifest.tmp", [1, 2, 3])
    #expect(try latest(in: path) == Found(step: 20, notices: []))
    try TrainingState(step: 20).save(in: path, ranks: 2, keep: 2)
    #expect(try latest(in: path) == Found(step: 20, notices: []))
    #expect(names(in: path) == ["step-20"])
    #expect(names(in: path + "/step-20").count == 3)
  }

  /// Runs that save as fast as they can and are killed at any instant; each goes on from the last one's checkpoint.
  @Test func aKillAtAnyInstantLosesNoCheckpoint() async throws {
    let path = folder.path
    for run in 0..<15 {
      let last = try latest(in: path).step ?? 0
      await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, last = last as Int] in
        try TrainingState(step: last + 1).save(in: path, keep: 1)
        Thread.detachNewThread {
          usleep(.random(in: 0..<10_000))
          kill(getpid(), SIGKILL)
        }
        for step in (last + 2)... { try TrainingState(step: step).save(in: path, keep: 1 + last % 2) }
      }
      let step = try #require(try latest(in: path).step)
      #expect(step > last, "run \(run): a committed checkpoint is gone")
      let checkpoint = try open("\(path)/step-\(step)")
      for buffer in TrainingState.buffers {
        #expect(try checkpoint.floats(buffer, 0..<103) == TrainingState(step: step).floats(buffer))
      }
    }
  }

  /// The same for a checkpoint that is saved again at its own step, each time with other contents.
  @Test func aKillWhileACheckpointIsReplacedLeavesOneOfThem() async throws {
    let path = folder.path
    try TrainingState(step: 5).save(in: path)
    for run in 0..<10 {
      await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
        Thread.detachNewThread {
          usleep(.random(in: 0..<20_000))
          kill(getpid(), SIGKILL)
        }
        for count in 100... { try TrainingState(step: 5, count: count).save(in: path, keep: 1) }
      }
      #expect(try latest(in: path) == Found(step: 5, notices: []), "run \(run)")
      let checkpoint = try open("\(path)/step-5")
      let state = TrainingState(step: 5, count: checkpoint.tensors[1].range.upperBound)
      for buffer in TrainingState.buffers {
        #expect(try checkpoint.floats(buffer, 0..<state.count) == state.floats(buffer))
      }
    }
  }
}
