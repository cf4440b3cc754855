import Communication
import Foundation
import TestSupport
import Testing

@testable import Training

/// A cut of a batch whose frozen layers are computed once.
struct CachedCut: Sendable, CustomTestStringConvertible {
  /// Nothing but heads; two of three layers.
  static let runs = [CutRun.unifiedHead, .listwiseTop2]
  let run: CutRun
  let precision: Configuration.Cache.Precision
  let accumulation: Int
  var testDescription: String { "\(run), \(precision), accumulation \(accumulation)" }

  static let all = runs.flatMap { run in
    [Configuration.Cache.Precision.float32, .bfloat16].flatMap { precision in
      [1, 2, 5].map { CachedCut(run: run, precision: precision, accumulation: $0) }
    }
  }

  /// The uncut batch: without a cache in float32, with one of its own in bfloat16, which rounds.
  func whole() throws -> CutOutcome {
    guard precision == .bfloat16 else { return try CutCase.whole(run) }
    return try withFolder([:]) {
      try CutCase(run).outcome(
        SoloCommunicator(), accumulation: 1, threads: 1, cache: CutCache(folder: $0, precision: precision))
    }
  }

  /// In what a rank differs from the uncut batch, while the cache fills and again when it is full.
  func differences(_ communicator: any Communicator, folder: String) throws -> [String] {
    let whole = try whole()
    let cache = CutCache(folder: folder, precision: precision)
    return try ["filling", "full"].flatMap { state in
      try CutCase(run).outcome(communicator, accumulation: accumulation, threads: 2, cache: cache)
        .differences(from: whole).map { "\(state): \($0)" }
    }
  }
}

@Suite struct CachedCutTests {
  @Test(arguments: [1, 2, 3, 4], CachedCut.all)
  func changesNothing(rankCount: Int, cut: CachedCut) throws {
    let found = try withFolder([:]) { folder in
      try ThreadCommunicator.run(rankCount: rankCount) { try cut.differences($0, folder: folder) }
    }
    #expect(found.flatMap { $0 } == [])
  }

  /// One rank and one chunk are one way to add: then the gradient too is the same bits with a cache and without.
  @Test(arguments: CachedCut.runs)
  func isBitForBitTheUncachedResult(run: CutRun) throws {
    let whole = try CutCase.whole(run)
    try withFolder([:]) { folder in
      for _ in 0..<2 {
        let cached = try CutCase(run).outcome(
          SoloCommunicator(), accumulation: 1, threads: 1, cache: CutCache(folder: folder, precision: .float32))
        #expect(cached == whole)
      }
    }
  }

  /// Otherwise the tests above could pass because bfloat16 states are float32 ones.
  @Test(arguments: CachedCut.runs)
  func roundsInBFloat16(run: CutRun) throws {
    let rounded = try CachedCut(run: run, precision: .bfloat16, accumulation: 1).whole()
    let exact = try CutCase.whole(run)
    #expect(rounded.differences(from: exact).contains("documents"))
    // 8 bits of every state, averaged over the widths of a few layers.
    #expect(relativeError(rounded.gradient, exact.gradient) < 0.1)
  }
}

@Suite(.serialized, .enabled(if: MPITestWorld.isLaunched), .timeLimit(.minutes(5)))
struct MPICachedCutTests {
  @Test(arguments: CachedCut.all)
  func changesNothing(cut: CachedCut) throws {
    let world = MPITestWorld.communicator
    let own = FileManager.default.temporaryDirectory.appendingPathComponent("colbert-cut-\(UUID().uuidString)").path
    let folder = String(decoding: try world.broadcast(Array(own.utf8), from: 0), as: UTF8.self)
    let found = try cut.differences(world, folder: folder)
    #expect(found == [], "rank \(world.rank) of \(world.rankCount)")
    try world.barrier()
    if world.rank == 0 { try FileManager.default.removeItem(atPath: folder) }
  }
}
