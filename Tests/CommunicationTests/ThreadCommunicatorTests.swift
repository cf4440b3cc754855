import Communication
import Foundation
import Testing

/// Everything here would hang if a rank that fails did not free the others.
/// The limit is against hanging; it counts while other tests hold the processors, too.
@Suite(.timeLimit(.minutes(5))) struct ThreadCommunicatorTests {
  @Test(arguments: CommunicatorCheck.allCases, [1, 2, 3, 5, 8])
  func keepsItsWord(check: CommunicatorCheck, rankCount: Int) throws {
    _ = try ThreadCommunicator.run(rankCount: rankCount) { try check.run(on: $0) }
  }

  @Test(arguments: Disagreement.allCases)
  func refusesDisagreement(disagreement: Disagreement) throws {
    _ = try ThreadCommunicator.run(rankCount: 3) { try checkDisagreement($0, disagreement) }
  }

  @Test func givesResultsInRankOrder() throws {
    #expect(try ThreadCommunicator.run(rankCount: 5) { $0.rank * 10 } == [0, 10, 20, 30, 40])
  }

  @Test(arguments: 0..<3) func failingRankFreesTheOthers(failing: Int) {
    let error = #expect(throws: BadData.self) {
      try ThreadCommunicator.run(rankCount: 3) { communicator in
        try communicator.barrier()
        if communicator.rank == failing { throw BadData(rank: failing) }
        try communicator.barrier()
      }
    }
    #expect(error?.rank == failing)
  }

  @Test func returningRankFreesTheOthers() {
    let error = #expect(throws: CommunicationError.self) {
      try ThreadCommunicator.run(rankCount: 3) { communicator in
        if communicator.rank != 1 { try communicator.barrier() }
      }
    }
    #expect(error?.message == "rank 1 has ended")
  }

  @Test func sharedFailureReachesTheCaller() {
    let failure = #expect(throws: RankFailure.self) {
      try ThreadCommunicator.run(rankCount: 4) { communicator in
        try communicator.together("reading") {
          if communicator.rank >= 2 { throw BadData(rank: communicator.rank) }
        }
      }
    }
    #expect(failure?.rank == 2)
  }

  /// The cause, not what came of it, is what `together` throws when the ranks cannot talk any more.
  @Test func causeComesFirst() {
    let failure = #expect(throws: RankFailure.self) {
      try ThreadCommunicator.run(rankCount: 2) { communicator in
        if communicator.rank == 1 { return }
        try communicator.together("reading") { throw BadData(rank: 0) }
      }
    }
    #expect(failure?.message.contains("train.jsonl:0") == true)
  }

  @Test func waitingEndsAndNamesTheMissing() {
    let error = #expect(throws: CommunicationError.self) {
      try ThreadCommunicator.run(rankCount: 3) { communicator in
        communicator.timeout = .milliseconds(50)
        communicator.context = "step 12"
        if communicator.rank == 1 { Thread.sleep(forTimeInterval: 0.5) }
        try communicator.barrier()
      }
    }
    #expect(error.map { "\($0)" } == "barrier (step 12): waited 0.05 seconds for ranks [1]")
  }

  /// Before the first step the work that ranks do together is what a rank is missed in.
  @Test func waitingNamesTheWork() {
    let error = #expect(throws: CommunicationError.self) {
      try ThreadCommunicator.run(rankCount: 2) { communicator in
        try communicator.together("reading the model") {}
        communicator.timeout = .milliseconds(50)
        guard communicator.context.isEmpty else { throw CheckFailure(message: "\(communicator.context) goes on") }
        try communicator.together("reading the data") {
          if communicator.rank == 1 { Thread.sleep(forTimeInterval: 0.5) }
        }
      }
    }
    #expect(error.map { "\($0)" } == "allGatherBytes (reading the data): waited 0.05 seconds for ranks [1]")
  }
}

@Suite struct SoloCommunicatorTests {
  @Test(arguments: CommunicatorCheck.allCases) func keepsItsWord(check: CommunicatorCheck) throws {
    try check.run(on: SoloCommunicator())
  }
}
