import Communication
import TestSupport
import Testing

@testable import Training

/// A cut of the global batch beside its ranks.
struct Cut: Sendable, CustomTestStringConvertible {
  let run: CutRun
  let accumulation: Int
  let threads: Int
  var testDescription: String { "\(run), accumulation \(accumulation), \(threads) threads" }

  static let all = CutRun.allCases.flatMap { run in
    [1, 2, 5].flatMap { accumulation in
      [1, 2].map { Cut(run: run, accumulation: accumulation, threads: $0) }
    }
  }
}

/// What travels between ranks: the queries; the documents in several blocks; whichever is fewer bytes.
private let exchanges = [
  ExchangeSettings(gather: .queries), ExchangeSettings(gatherBytes: 30_000), ExchangeSettings(gather: .auto),
]

/// The cut never changes the result, with ranks as threads of this process.
@Suite struct CutTests {
  @Test(arguments: [1, 2, 3, 4], Cut.all)
  func changesNothing(rankCount: Int, cut: Cut) throws {
    let whole = try CutCase.whole(cut.run)
    let found = try ThreadCommunicator.run(rankCount: rankCount) { communicator in
      try CutCase(cut.run).outcome(communicator, accumulation: cut.accumulation, threads: cut.threads)
        .differences(from: whole)
    }
    #expect(found.flatMap { $0 } == [])
  }

  /// More ranks than queries: some have nothing to do, and no row is lost.
  @Test(arguments: [CutRun.pylate, .selfDistilled, .own])
  func ranksMayHaveNothing(run: CutRun) throws {
    let whole = try CutCase.whole(run)
    let found = try ThreadCommunicator.run(rankCount: 13) { communicator in
      try CutCase(run).outcome(communicator, accumulation: 1, threads: 1).differences(from: whole)
    }
    #expect(found.flatMap { $0 } == [])
  }

  @Test(arguments: [1, 2, 3, 4, 13], CutRun.allCases)
  func exchangePlansChangeNothing(rankCount: Int, run: CutRun) throws {
    let whole = try CutCase.whole(run)
    for exchange in exchanges {
      let found = try ThreadCommunicator.run(rankCount: rankCount) { communicator in
        try CutCase(run).outcome(communicator, accumulation: 2, threads: 1, exchange: exchange).differences(from: whole)
      }
      #expect(found.flatMap { $0 } == [], "\(exchange)")
    }
  }

  @Test(arguments: PlantedFault.allCases, [CutRun.pylate, .selfDistilled])
  func noticesPlantedFaults(fault: PlantedFault, run: CutRun) throws {
    let whole = try CutCase.whole(run)
    let found = try ThreadCommunicator.run(rankCount: 2) { communicator in
      try CutCase(run).outcome(communicator, accumulation: 2, threads: 1, fault: fault).differences(from: whole)
    }
    #expect(found.contains { !$0.isEmpty }, "\(fault) went unnoticed")
  }
}

/// The same under real `mpirun`.
@Suite(.serialized, .enabled(if: MPITestWorld.isLaunched), .timeLimit(.minutes(5)))
struct MPICutTests {
  @Test(arguments: Cut.all)
  func changesNothing(cut: Cut) throws {
    let world = MPITestWorld.communicator
    let whole = try CutCase.whole(cut.run)
    let outcome = try CutCase(cut.run).outcome(world, accumulation: cut.accumulation, threads: cut.threads)
    #expect(outcome.differences(from: whole) == [], "rank \(world.rank) of \(world.rankCount)")
    // The same cut twice is the same bits throughout, the gradient too.
    let again = try CutCase(cut.run).outcome(world, accumulation: cut.accumulation, threads: cut.threads)
    #expect(again == outcome, "rank \(world.rank) of \(world.rankCount), again")
  }

  @Test(arguments: CutRun.allCases)
  func exchangePlansChangeNothing(run: CutRun) throws {
    let world = MPITestWorld.communicator
    let whole = try CutCase.whole(run)
    for exchange in exchanges {
      let outcome = try CutCase(run).outcome(world, accumulation: 2, threads: 1, exchange: exchange)
      #expect(outcome.differences(from: whole) == [], "\(exchange), rank \(world.rank) of \(world.rankCount)")
    }
  }

  @Test(arguments: PlantedFault.allCases, [CutRun.pylate, .selfDistilled])
  func noticesPlantedFaults(fault: PlantedFault, run: CutRun) throws {
    let world = MPITestWorld.communicator
    guard fault.shows(rankCount: world.rankCount, accumulation: 2) else { return }
    let whole = try CutCase.whole(run)
    let outcome = try CutCase(run).outcome(world, accumulation: 2, threads: 1, fault: fault)
    let noticed = try world.allReduceSum([outcome.differences(from: whole).isEmpty ? 0 : 1])[0]
    #expect(noticed > 0, "\(fault) went unnoticed")
  }
}
