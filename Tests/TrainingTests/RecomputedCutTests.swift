import Communication
import LateInteraction
import Tensors
import TestSupport
import Testing

@testable import Training

extension Cut {
  /// In what `batch.recompute: layers` differs, bit for bit and the gradient too, from the same cut without.
  /// Collective: every rank calls it.
  fileprivate func differencesOfRecomputing(_ communicator: any Communicator) throws -> [String] {
    let outcomes = try [Configuration.Recompute.none, .layers].map {
      try CutCase(run).outcome(communicator, accumulation: accumulation, threads: threads, recompute: $0)
    }
    guard outcomes[0] != outcomes[1] else { return [] }
    return outcomes[1].differences(from: outcomes[0]) + ["bits"]
  }
}

/// Recomputing layers changes no bit, with ranks as threads of this process.
@Suite struct RecomputedCutTests {
  @Test(arguments: [1, 2, 3, 4], Cut.all.filter { $0.threads == 2 })
  func changesNoBit(rankCount: Int, cut: Cut) throws {
    let found = try ThreadCommunicator.run(rankCount: rankCount) { try cut.differencesOfRecomputing($0) }
    #expect(found.flatMap { $0 } == [])
  }

  /// The memory that is announced follows.
  @Test func isToldToNeedLess() throws {
    let encoder = try LoadedModel(
      ModelSettings(path: fixture("tiny-bge-m3"), trained: .all), trains: true, on: ThreadPool(threadCount: 1)
    ).model.encoder
    let all = floats(encoder)
    encoder.recomputesLayers = true
    #expect(floats(encoder) < all)

    func floats(_ encoder: Encoder) -> Int {
      encoder.configuration.activationFloats(
        tokens: 1_000, trainedLayers: encoder.configuration.layerCount, readsStates: false,
        recomputesLayers: encoder.recomputesLayers)
    }
  }
}

/// The same under real `mpirun`.
@Suite(.serialized, .enabled(if: MPITestWorld.isLaunched), .timeLimit(.minutes(5)))
struct MPIRecomputedCutTests {
  @Test(arguments: Cut.all)
  func changesNoBit(cut: Cut) throws {
    let world = MPITestWorld.communicator
    #expect(try cut.differencesOfRecomputing(world) == [], "rank \(world.rank) of \(world.rankCount)")
  }
}
