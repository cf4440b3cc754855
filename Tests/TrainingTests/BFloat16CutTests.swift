import Communication
import LateInteraction
import TestSupport
import Tensors
import Testing

@testable import Training

extension Cut {
  /// A part of all cuts, as emulated products take their time: each run in one chunk, and in two or five.
  fileprivate static let some = CutRun.allCases.enumerated().flatMap { number, run in
    [Cut(run: run, accumulation: 1, threads: 1), Cut(run: run, accumulation: number % 2 == 0 ? 2 : 5, threads: 2)]
  }

  /// Collective: every rank calls it.
  fileprivate func outcome(
    _ communicator: any Communicator, cache: CutCache? = nil, recompute: Configuration.Recompute = .none
  ) throws -> CutOutcome {
    try CutCase(run).outcome(
      communicator, accumulation: accumulation, threads: threads, cache: cache, recompute: recompute,
      precision: .bfloat16)
  }
}

/// The most that one rounding to bfloat16 changes a number.
///
/// Sums over ranks and chunks are added in another order, as in float32; but what differs then in the last bit of a float is
/// rounded in each layer's backward, now and then to the other side. That cannot be more than rounding is at all.
private let gradientBound = 0x1p-9

/// The batches of one rank in one chunk, on one thread.
private let wholes = Dictionary(
  uniqueKeysWithValues: CutRun.allCases.map { run in
    (run, Result { try Cut(run: run, accumulation: 1, threads: 1).outcome(SoloCommunicator()) })
  })

/// The law of cuts holds for bfloat16 products as it does for float32 ones: what the forward gives bit for bit.
@Suite(.enabled(if: BFloat16Products.obstacle == nil)) struct BFloat16CutTests {
  @Test(arguments: [1, 2, 3], Cut.some)
  fileprivate func changesNothing(rankCount: Int, cut: Cut) throws {
    let whole = try wholes[cut.run]!.get()
    let found = try ThreadCommunicator.run(rankCount: rankCount) {
      try cut.outcome($0).differences(from: whole, gradientWithin: gradientBound)
    }
    #expect(found.flatMap { $0 } == [])
  }

  /// Otherwise the test above could pass because nothing is rounded.
  @Test(arguments: CutRun.allCases) func rounds(run: CutRun) throws {
    let differences = try wholes[run]!.get().differences(from: CutCase.whole(run))
    #expect(Set(differences).isSuperset(of: ["queries", "documents", "scores", "losses"]))
  }

  @Test(arguments: [CutRun.listwiseTop2, .unified]) func recomputingChangesNoBit(run: CutRun) throws {
    let cut = Cut(run: run, accumulation: 2, threads: 2)
    #expect(try cut.outcome(SoloCommunicator(), recompute: .layers) == cut.outcome(SoloCommunicator()))
  }

  /// Neither when it is filled nor when it is read; and float32 states are not taken for these.
  @Test(arguments: [CutRun.listwiseTop2, .unifiedHead]) func aCacheChangesNoBit(run: CutRun) throws {
    let cut = Cut(run: run, accumulation: 2, threads: 1)
    let plain = try cut.outcome(SoloCommunicator())
    try withFolder { folder in
      let cache = CutCache(folder: folder, precision: .float32)
      _ = try CutCase(run).outcome(SoloCommunicator(), accumulation: 2, threads: 1, cache: cache)
      for _ in 0..<2 { #expect(try cut.outcome(SoloCommunicator(), cache: cache) == plain) }
    }
  }
}

/// The same under real `mpirun`.
@Suite(
  .serialized, .enabled(if: MPITestWorld.isLaunched && BFloat16Products.obstacle == nil), .timeLimit(.minutes(5)))
struct MPIBFloat16CutTests {
  @Test(arguments: Cut.some)
  fileprivate func changesNothing(cut: Cut) throws {
    let world = MPITestWorld.communicator
    let outcome = try cut.outcome(world)
    #expect(
      try outcome.differences(from: wholes[cut.run]!.get(), gradientWithin: gradientBound) == [],
      "rank \(world.rank) of \(world.rankCount)")
    #expect(try cut.outcome(world) == outcome, "rank \(world.rank) of \(world.rankCount), again")
  }
}
