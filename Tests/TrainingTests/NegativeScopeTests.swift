import Communication
import Datasets
import Foundation
import LateInteraction
import Tensors
import TestSupport
import Testing

@testable import Training

/// Negatives that are not the whole batch's.
@Suite struct NegativeScopeTests {
  /// A query among its own documents loses what it loses as a batch of its own, whatever else is in the batch.
  @Test func ownIsABatchOfEachQuery() throws {
    let data = try rows()
    let together = try batch(data, queries: 8, .own, SoloCommunicator()).losses
    for (row, loss) in together.enumerated() {
      let alone = try batch(data, queries: 1, step: row, .global, SoloCommunicator()).losses
      #expect(alone.count == 1)
      // Scores are the same bits; the mean is of 8.
      #expect(abs(8 * loss.value - alone[0].value) < 1e-12 * max(1, alone[0].value))
      #expect(loss.value > 0)
    }
  }

  /// On one rank that is the whole batch, bit for bit; on three each query's softmax is over its rank's documents.
  @Test func rankIsTheRanksShare() throws {
    let data = try rows()
    let whole = try batch(data, queries: 8, .global, SoloCommunicator())
    let alone = try batch(data, queries: 8, .rank, SoloCommunicator())
    #expect(alone.losses == whole.losses)
    #expect(relativeError(alone.gradient, whole.gradient) < 1e-6)

    let shares = try ThreadCommunicator.run(rankCount: 3) { try batch(data, queries: 8, .rank, $0) }
    #expect(shares.flatMap(\.slots).sorted() == Array(0..<8))
    for share in shares {
      for (slot, loss) in zip(share.slots, share.losses) {
        let logits = share.columns.map { Double(whole.scores[slot][$0]) }
        let target = Double(whole.scores[slot][2 * slot])
        let expected = log(logits.map { exp($0 - target) }.reduce(0, +)) / 8
        #expect(abs(loss.value - expected) < 1e-9, "query \(slot)")
      }
    }
  }

  /// From scores to their gradients there is no collective that carries texts.
  @Test(arguments: [Configuration.Scope.own, .rank])
  func nothingTravels(scope: Configuration.Scope) throws {
    let data = try rows()
    _ = try ThreadCommunicator.run(rankCount: 2) { communicator in
      let (trainer, batch) = try trainer(data, queries: 8, scope, communicator, training: NoExchange(communicator))
      _ = try trainer.score(batch, step: 0).exchange.gradients()
    }
    let (gathering, batch) = try trainer(
      data, queries: 8, .global, SoloCommunicator(), training: NoExchange(SoloCommunicator()))
    #expect(throws: CommunicationError.self) { try gathering.score(batch, step: 0) }
  }

  private func rows() throws -> TrainingData { try TrainingData(paths: [fixture("pylate-train.jsonl")]) }

  private struct Outcome {
    let slots: [Int]
    /// Of the share's documents.
    let columns: [Int]
    let losses: [QueryLoss]
    /// Of each own query, over the documents of the global batch.
    let scores: [[Float]]
    let gradient: [Float]
  }

  private func batch(
    _ data: TrainingData, queries: Int, step: Int = 0, _ scope: Configuration.Scope, _ communicator: any Communicator
  ) throws -> Outcome {
    let (trainer, batch) = try trainer(data, queries: queries, step: step, scope, communicator, training: communicator)
    let colbert = try trainer.score(batch, step: step).exchange.scores.colbert
    let scores = (0..<colbert.rows).map { colbert.rows($0..<$0 + 1).values }
    let losses = try trainer.gradients(of: batch, step: step)
    return Outcome(
      slots: batch.slots, columns: batch.documentColumns, losses: losses, scores: scores,
      gradient: trainer.model.parameters.allGradientValues)
  }

  private func trainer(
    _ data: TrainingData, queries: Int, step: Int = 0, _ scope: Configuration.Scope, _ communicator: any Communicator,
    training: any Communicator
  ) throws -> (Trainer, RankBatch) {
    let loaded = try LoadedModel(
      ModelSettings(path: fixture("tiny-pylate"), dropout: 0), trains: true, on: ThreadPool(threadCount: 1))
    let sampler = Sampler(counts: data.counts, batchQueries: queries, negativesPerQuery: 1, shuffle: false, seed: 1)
    let builder = BatchBuilder(
      data: data, sampler: sampler, input: loaded.input, scope: scope, accumulation: 1, rank: communicator.rank,
      rankCount: communicator.rankCount)
    let trainer = Trainer(
      loaded.model, objective: Objective(temperature: 1), exchange: ExchangeSettings(scope: scope), seed: 1,
      communicator: training)
    return (trainer, try builder.deal(builder.read(step), communicator))
  }
}

/// A communicator that lets no text through.
private final class NoExchange: ForwardingCommunicator {
  let base: any Communicator
  init(_ base: any Communicator) { self.base = base }

  private static let refusal = CommunicationError(operation: "exchange", message: "nothing was to travel")

  func allGather(bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]] { throw Self.refusal }

  func allGather(
    _ local: Span<Float>, into all: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) { throw Self.refusal }

  func reduceScatterSum(
    _ all: Span<Float>, into local: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) { throw Self.refusal }

  func beginGather(
    _ all: any LastingFloats, places: [Range<Int>], columns: Int
  ) throws(CommunicationError) { throw Self.refusal }

  func allToAll(
    _ outgoing: Span<Float>, into incoming: inout MutableSpan<Float>, counts: [[Int]]
  ) throws(CommunicationError) { throw Self.refusal }
}
