import Checkpoints
import Communication
import Foundation
import Testing

/// A run that was told to go on from another checkpoint than its newest, and is killed before it saves one.
@Suite struct ChosenStartTests {
  let folder = TemporaryFolder()
  var store: String { folder.path + "/run" }

  /// What two ranks say when they choose, and what is the newest then.
  func start(_ path: String) throws -> (notices: [String], latest: Found) {
    let (store, chosen) = (store, path)
    let notices = try ThreadCommunicator.run(rankCount: 2) { communicator in
      let store = CheckpointStore(path: store, communicator: communicator)
      return try store.start(from: try store.open(chosen))
    }
    return (notices[0], try latest(in: store))
  }

  @Test func anEarlierCheckpointIsTheNewestUntilTheNextIsSaved() throws {
    for step in [5, 10, 15] { try TrainingState(step: step).save(in: store, keep: 3) }
    let (notices, found) = try start(store + "/step-5")
    #expect(
      notices
        == [15, 10].map { "\(store)/step-\($0) is not used any more: the run goes on from \(store)/step-5" })
    #expect(found == Found(step: 5, notices: []))
    #expect(names(in: store) == ["start.json", "step-10", "step-15", "step-5"])

    // As a kill leaves it between the commit and the tidying up after it.
    let copy = TemporaryFolder()
    try TrainingState(step: 7).save(in: copy.path)
    try FileManager.default.copyItem(atPath: copy.path + "/step-7", toPath: store + "/step-7")
    #expect(try latest(in: store) == Found(step: 7, notices: []))
    try FileManager.default.removeItem(atPath: store + "/step-7")

    let saved = try TrainingState(step: 7).save(in: store, keep: 3)
    #expect(saved == [15, 10].map { "\(store)/step-\($0) is removed: the run left it for another, and saved step 7" })
    #expect(try latest(in: store) == Found(step: 7, notices: []))
    #expect(names(in: store) == ["step-5", "step-7"])
  }

  /// The step that was left is reached again, by other ranks or with other contents, and a kill follows at once.
  @Test func aCheckpointSavedInThePlaceOfOneThatWasLeftIsUsed() throws {
    for step in [5, 10] { try TrainingState(step: step).save(in: store, keep: 3) }
    _ = try start(store + "/step-5")
    let chosen = try String(contentsOfFile: store + "/start.json", encoding: .utf8)
    try TrainingState(step: 10, count: 50).save(in: store, ranks: 3, keep: 3)
    try folder.write("run/start.json", Array(chosen.utf8))
    #expect(try latest(in: store) == Found(step: 10, notices: []))
    #expect(try open(store + "/step-10").rankCount == 3)
  }

  /// One may think better of it.
  @Test func theLastChoiceCounts() throws {
    for step in [5, 10, 15] { try TrainingState(step: step).save(in: store, keep: 3) }
    #expect(try start(store + "/step-5").latest.step == 5)
    #expect(try start(store + "/step-10").latest.step == 10)
    let (notices, found) = try start(store + "/../run/step-15/")
    #expect(notices == [] && found == Found(step: 15, notices: []))
    #expect(names(in: store) == ["step-10", "step-15", "step-5"])
  }

  /// Nothing of the run's own is used any more, not even an earlier step; what it starts from may be all it has.
  @Test(arguments: [[], [5, 30]]) func anotherRunsCheckpoint(own: [Int]) throws {
    let other = folder.path + "/other"
    try TrainingState(step: 20).save(in: other)
    for step in own { try TrainingState(step: step).save(in: store, keep: 3) }
    let (notices, found) = try start(other + "/step-20")
    #expect(notices.count == own.count && found == Found(step: 20, notices: []))
    try TrainingState(step: 25).save(in: store, keep: 3)
    #expect(try latest(in: store) == Found(step: 25, notices: []))
    #expect(names(in: store) == ["step-25"])
    #expect(names(in: other) == ["step-20"])
  }

  @Test func saysWhatIsWrongWithTheChoice() throws {
    let other = folder.path + "/other"
    try TrainingState(step: 20).save(in: other)
    _ = try start(other + "/step-20")
    try FileManager.default.removeItem(atPath: other)
    let gone = try #require(throws: CheckpointError.self) { try latest(in: store) }
    #expect(gone.description.hasPrefix("\(other)/step-20: has no manifest.json"))
    try folder.write("run/start.json", Array("{".utf8))
    let damaged = try #require(throws: RankFailure.self) { try latest(in: store) }
    #expect(damaged.message.contains("\(store)/start.json: does not say which checkpoint to go on from"))
    #expect(damaged.exitStatus == 65)
  }
}
