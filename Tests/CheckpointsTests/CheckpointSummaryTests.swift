import Checkpoints
import Foundation
import Testing

@Suite struct CheckpointSummaryTests {
  let folder = TemporaryFolder()

  @Test func saysWhatIsThere() throws {
    let store = folder.path + "/checkpoints"
    try TrainingState(step: 5).save(in: store, ranks: 1, keep: 9)
    for step in [10, 15, 20, 25] { try TrainingState(step: step).save(in: store, ranks: 3, keep: 9) }
    let shard = "shard-00001-of-00003.safetensors"
    try FileManager.default.removeItem(atPath: "\(store)/step-10/\(shard)")
    try FileManager.default.removeItem(atPath: "\(store)/step-15/manifest.json")
    try Data().write(to: URL(filePath: "\(store)/step-20/\(shard)"))
    try Data("{".utf8).write(to: URL(filePath: "\(store)/step-25/manifest.json"))

    let all = try #require(try CheckpointSummary.all(in: folder.path))
    #expect(all == (try CheckpointSummary.all(in: store)))
    #expect(all.map(\.step) == [25, 20, 15, 10, 5])
    #expect(all.map(\.rankCount) == [nil, 3, nil, 3, 1])
    let states = all.map { summary in
      switch summary.state {
      case .complete: "complete"
      case .halfWritten: "half-written"
      case .damaged(let problem): problem.replacing("\(store)/", with: "")
      }
    }
    #expect(states[0].hasPrefix("step-25/manifest.json: expected a checkpoint's manifest"), "\(states[0])")
    #expect(states[1].hasPrefix("step-20/\(shard): has 0 bytes, the manifest says "), "\(states[1])")
    #expect(states[2...] == ["half-written", "step-10/\(shard): is missing", "complete"])
    let files = names(in: "\(store)/step-5")
    #expect(all[4].bytes == (try files.reduce(0) { try $0 + readBytes("\(store)/step-5/\($1)").count }))
    #expect(try CheckpointSummary.all(in: all[4].path) == [all[4]])
    #expect(try #require(all[4].written).timeIntervalSinceNow < 1)
  }

  @Test func knowsFoldersThatHaveToDoWithCheckpoints() throws {
    let path = folder.path
    #expect(try CheckpointPlace(path) == nil)
    #expect(try CheckpointPlace(path + "/none") == nil)
    try TrainingState(step: 5).save(in: path + "/checkpoints")
    #expect(try CheckpointPlace(path) == .store(path + "/checkpoints"))
    #expect(try CheckpointPlace(path + "/checkpoints") == .store(path + "/checkpoints"))
    #expect(try CheckpointPlace(path + "/checkpoints/step-5") == .checkpoint(path + "/checkpoints/step-5"))
    try FileManager.default.moveItem(atPath: path + "/checkpoints/step-5", toPath: path + "/copy")
    #expect(try CheckpointPlace(path + "/copy/") == .checkpoint(path + "/copy/"))
    #expect(try CheckpointPlace(path + "/checkpoints") == nil)
    #expect(try CheckpointSummary.all(in: path) == [])
  }
}
