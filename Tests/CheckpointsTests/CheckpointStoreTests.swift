import Checkpoints
import Communication
import Foundation
import Testing

@Suite struct CheckpointStoreTests {
  let folder = TemporaryFolder()

  @Test(arguments: [(1, 1), (1, 3), (2, 2), (3, 2), (4, 1), (4, 5)], [(103, false), (103, true), (3, true)])
  func loadsOnAnyRankCountWhatAnySaved(ranks: (saving: Int, loading: Int), size: (count: Int, sharded: Bool)) throws {
    let state = TrainingState(step: 7, count: size.count, sharded: size.sharded)
    #expect(try state.save(in: folder.path, ranks: ranks.saving) == [])
    let path = folder.path
    _ = try ThreadCommunicator.run(rankCount: ranks.loading) { communicator in
      let (found, notices) = try CheckpointStore(path: path, communicator: communicator).latest()
      let checkpoint = try #require(found)
      #expect(notices == [])
      #expect(checkpoint.step == 7 && checkpoint.rankCount == ranks.saving)
      #expect(checkpoint.state == state.values)
      try checkpoint.check(tensors: state.tensors)
      for buffer in TrainingState.buffers {
        let whole = state.floats(buffer)
        #expect(try checkpoint.floats(buffer, 0..<size.count) == whole)
        let mine = shardRange(of: size.count, rank: communicator.rank, rankCount: communicator.rankCount)
        #expect(try checkpoint.floats(buffer, mine) == Array(whole[mine]))
        #expect(try checkpoint.floats(buffer, 1..<2) == [whole[1]])
      }
    }
  }

  @Test func shardsAreSafetensorsFilesThatSayWhatTheyAre() throws {
    try TrainingState(step: 7).save(in: folder.path, ranks: 2)
    #expect(
      names(in: folder.path + "/step-7") == [
        "manifest.json", "shard-00000-of-00002.safetensors", "shard-00001-of-00002.safetensors",
      ])
    let shard = try SafetensorsFile(folder.path + "/step-7/shard-00001-of-00002.safetensors")
    #expect(shard.names == TrainingState.buffers.sorted())
    #expect(shard.metadata["step"] == "7")
    #expect(shard.metadata["rank"] == "1")
    #expect(shard.metadata["rank_count"] == "2")
    #expect(shard.metadata["ranges"] == "first_moments 51..<103, parameters 51..<103, second_moments 51..<103")
    #expect(try shard.floats("parameters") == Array(TrainingState(step: 7).floats("parameters")[51...]))
  }

  @Test func findsNothingWhereNothingWasSaved() throws {
    #expect(try latest(in: folder.path + "/none") == Found(step: nil, notices: []))
    try FileManager.default.createDirectory(atPath: folder.path + "/step-5", withIntermediateDirectories: true)
    let found = try latest(in: folder.path)
    #expect(found == Found(step: nil, notices: ["\(folder.path)/step-5 was never finished: it is not used"]))
  }

  @Test func keepsTheNewest() throws {
    try FileManager.default.createDirectory(atPath: folder.path + "/step-3", withIntermediateDirectories: true)
    for name in ["step-03", "step-x", "mine"] { try folder.write(name, [1]) }
    for step in [2, 10, 9, 11] {
      #expect(try TrainingState(step: step).save(in: folder.path, keep: 2).count == (step == 9 ? 1 : 0))
    }
    // 10 went when 9 was saved after it; step-3 was never finished; the others are not ours.
    #expect(names(in: folder.path) == ["mine", "step-03", "step-11", "step-9", "step-x"])
    try TrainingState(step: 12).save(in: folder.path, keep: 1)
    #expect(names(in: folder.path) == ["mine", "step-03", "step-12", "step-x"])
    #expect(try CheckpointStore(path: folder.path, communicator: SoloCommunicator()).list().map(\.step) == [12])
  }

  /// A run that went back saves earlier steps than are there; those would be taken for the newest.
  /// Of the newest two, each with what it needs: the last resort must find its own.
  @Test func keepsWhatTheNewestNeed() throws {
    for (step, needs) in [(10, nil), (20, 10), (30, 10), (40, nil), (50, 40)] as [(Int, Int?)] {
      try TrainingState(step: step).save(in: folder.path, keep: 2, needs: needs)
    }
    let store = CheckpointStore(path: folder.path, communicator: SoloCommunicator())
    #expect(try store.list().map(\.step) == [50, 40])
    try TrainingState(step: 60).save(in: folder.path, keep: 2, needs: 40)
    #expect(try store.list().map(\.step) == [60, 50, 40])
    try TrainingState(step: 70).save(in: folder.path, keep: 1, needs: 50)
    #expect(try store.list().map(\.step) == [70, 50])
  }

  @Test func forgetsTheCourseThatWasLeft() throws {
    for step in [10, 20] { try TrainingState(step: step).save(in: folder.path, keep: 3) }
    let notices = try TrainingState(step: 15).save(in: folder.path, keep: 3)
    #expect(notices == ["\(folder.path)/step-20 is removed: the run left it for another, and saved step 15"])
    #expect(try latest(in: folder.path) == Found(step: 15, notices: []))
    #expect(names(in: folder.path) == ["step-10", "step-15"])
  }

  @Test func replacesACheckpointOfTheSameStepInOnePiece() throws {
    for generation in 1...3 {
      try TrainingState(step: 10).save(in: folder.path, ranks: generation, keep: 1)
      #expect(names(in: folder.path + "/step-10").count == generation + 1)
      let checkpoint = try open(folder.path + "/step-10")
      #expect(checkpoint.rankCount == generation)
      #expect(try checkpoint.floats("parameters", 0..<103) == TrainingState(step: 10).floats("parameters"))
    }
  }

  @Test func namesWhatDoesNotFit() throws {
    let state = TrainingState(step: 7)
    try state.save(in: folder.path)
    let path = folder.path + "/step-7"
    let checkpoint = try open(path)
    func message(_ body: () throws -> Void) -> String {
      #expect(throws: CheckpointError.self) { try body() }?.description ?? ""
    }
    #expect(
      message { _ = try checkpoint.floats("moments", 0..<1) }
        == "\(path): has no buffer moments; it has parameters, first_moments, second_moments")
    #expect(
      message { _ = try checkpoint.floats("parameters", 100..<104) }
        == "\(path): has 103 floats of parameters, expected 104 or more")
    #expect(
      message { try checkpoint.check(tensors: TrainingState(step: 7, count: 104).tensors) }
        == "\(path): has tensor weight [100, 1] at 0..<100, expected weight [101, 1] at 0..<101")
    #expect(message { try checkpoint.check(tensors: [state.tensors[0]]) } == "\(path): has 2 tensors, expected 1")
  }

  @Test(arguments: [Float(0).nextUp, -0.0]) func refusesParametersThatDifferByOneBit(value: Float) throws {
    let path = folder.path
    try TrainingState(step: 7).save(in: path, ranks: 3)
    // Not a number of the state: make the differing place 0 on all ranks but one.
    let error = #expect(throws: RankFailure.self) {
      try ThreadCommunicator.run(rankCount: 3) { communicator in
        try TrainingState(step: 8).save(in: path, keep: 1, on: communicator) { parameters in
          parameters[50] = communicator.rank == 1 ? value : 0
        }
      }
    }
    #expect(
      error?.message.hasSuffix(
        "step-8: not saved: the parameters of ranks 0, 2 and of rank 1 differ, which must never be") == true)
    #expect(error?.exitStatus == 70)
    #expect(names(in: path) == ["step-7"])
    #expect(try latest(in: path) == Found(step: 7, notices: []))
  }
}
