import Communication
import TestSupport
import Testing

@testable import Training

/// In what a rank's sharded optimiser differs from the replicated one. Collective: every rank calls it.
private func shardingDifferences(_ run: CutRun, _ communicator: any Communicator) throws -> [String] {
  let replicated = try CutCase(run).trained(communicator, isSharded: false)
  let sharded = try CutCase(run).trained(communicator, isSharded: true)
  let (count, rank, rankCount) = (replicated.values.count, communicator.rank, communicator.rankCount)
  let share = (rank + 1) * count / rankCount - rank * count / rankCount
  var found = sharded.differences(from: replicated)
  if replicated.heldCount != count || sharded.heldCount != share { found.append("\(sharded.heldCount) moments") }
  return found
}

/// A fault that the comparison must notice: no rank learns what the others have updated.
private func differencesWithoutGathering(_ run: CutRun, _ communicator: any Communicator) throws -> [String] {
  let replicated = try CutCase(run).trained(communicator, isSharded: false)
  let faulty = try CutCase(run).trained(communicator, isSharded: true, updating: NothingGathered(communicator))
  return faulty.differences(from: replicated)
}

/// A sharded optimiser gives the bits of a replicated one, with ranks as threads of this process.
@Suite struct ShardingTests {
  @Test(arguments: [1, 2, 3, 4, 7], CutRun.allCases)
  func changesNothing(rankCount: Int, run: CutRun) throws {
    let found = try ThreadCommunicator.run(rankCount: rankCount) { try shardingDifferences(run, $0) }
    #expect(found.flatMap { $0 } == [])
  }

  @Test(arguments: [CutRun.pylate, .unifiedHead])
  func noticesValuesNotGathered(run: CutRun) throws {
    let found = try ThreadCommunicator.run(rankCount: 2) { try differencesWithoutGathering(run, $0) }
    #expect(found.allSatisfy { $0.contains("values") })
  }
}

/// The same under real `mpirun`.
@Suite(.serialized, .enabled(if: MPITestWorld.isLaunched), .timeLimit(.minutes(5)))
struct MPIShardingTests {
  @Test(arguments: CutRun.allCases) func changesNothing(run: CutRun) throws {
    let world = MPITestWorld.communicator
    #expect(try shardingDifferences(run, world) == [], "rank \(world.rank) of \(world.rankCount)")
  }

  @Test func noticesValuesNotGathered() throws {
    let world = MPITestWorld.communicator
    guard world.rankCount > 1 else { return }
    #expect(try differencesWithoutGathering(.pylate, world).contains("values"))
  }
}

/// A communicator that leaves what should be gathered as it was.
private final class NothingGathered: ForwardingCommunicator {
  let base: any Communicator
  init(_ base: any Communicator) { self.base = base }

  func allGather(
    _ local: Span<Float>, into all: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) {}
}
