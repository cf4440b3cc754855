import Communication
import Foundation
import TestSupport
import Testing

/// The ranks of `mpirun -n N colbertPackageTests.xctest --testing-library swift-testing --no-parallel --filter MPI`.
private enum World {
  nonisolated(unsafe) static let communicator = MPITestWorld.communicator

  /// Holds so few floats of other ranks that every exchange takes many blocks.
  nonisolated(unsafe) static let narrow = try! MPICommunicator(timeout: .seconds(60), scratchCount: 50)

  /// Another one, to be spoilt.
  static func makeCommunicator(timeout: Duration = .seconds(60)) throws -> MPICommunicator {
    _ = communicator
    return try MPICommunicator(timeout: timeout)
  }
}

@Suite(.serialized, .enabled(if: MPIWorld.isLaunched && WorldScenario.current == nil), .timeLimit(.minutes(5)))
struct MPICommunicatorTests {
  @Test(arguments: CommunicatorCheck.allCases) func keepsItsWord(check: CommunicatorCheck) throws {
    try check.run(on: World.communicator)
  }

  @Test(arguments: CommunicatorCheck.allCases) func keepsItsWordInManyBlocks(check: CommunicatorCheck) throws {
    _ = World.communicator
    try check.run(on: World.narrow)
  }

  @Test(arguments: Disagreement.allCases) func refusesDisagreement(disagreement: Disagreement) throws {
    try checkDisagreement(World.makeCommunicator(), disagreement)
    try World.communicator.barrier()
  }

  @Test(arguments: [1, 1000, 50_000]) func sumsHaveTheBitsOfThreads(count: Int) throws {
    let world = World.communicator
    var values = wildFloats(count, seed: count, rank: world.rank)
    var span = values.mutableSpan
    try world.allReduceSum(&span)
    let twin = try ThreadCommunicator.run(rankCount: world.rankCount) { communicator in
      var values = wildFloats(count, seed: count, rank: communicator.rank)
      var span = values.mutableSpan
      try communicator.allReduceSum(&span)
      return values
    }
    try requireSameBits(values, twin[world.rank], "\(count) values")
  }

  /// One rank computes for long. All others lose patience, but only one of them says so, and leaves it at that: it names
  /// the one that is missing, not those that wait as it does.
  @Test func waitingEndsAndNamesTheMissing() throws {
    let world = World.communicator
    guard world.rankCount > 1 else { return }
    let communicator = try World.makeCommunicator(timeout: .seconds(1))
    communicator.context = "step 12"
    let late = world.rankCount - 1
    if world.rank == late { Thread.sleep(forTimeInterval: 5) }
    var message = ""
    do {
      try communicator.barrier()
    } catch {
      message = "\(error)"
      #expect(throws: error, "nothing may follow") { try communicator.barrier() }
    }
    let messages = try world.allGather(bytes: Array(message.utf8))
    #expect(messages.filter { !$0.isEmpty }.count == 1)
    if message.isEmpty { return }
    #expect(message.hasPrefix("barrier (step 12): rank \(world.rank) on \(world.hostName) waited "))
    #expect(message.hasSuffix("; missing: rank \(late) on \(world.hostName)"))
  }
}
