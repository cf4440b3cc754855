import Communication
import Datasets
import LateInteraction
import Tensors
import TestSupport
import Testing

@testable import Training

/// Which documents of a batch are nobody's negatives.
@Suite struct FalseNegativesTests {
  /// Columns: 0 P one, 1 N; 2 P one, 3 P two; 4 P three, 5 N.
  private static let rows = """
    {"query": "a", "pos": ["P one", "P two"], "neg": ["N"]}
    {"query": "b", "pos": ["P  one "], "neg": ["P two", "P one"]}
    {"query": "a", "pos": ["P three"], "neg": ["P three", "N"]}

    """

  @Test(arguments: [1, 2, 3, 4], [1, 2])
  func areMaskedWhereverTheyLie(rankCount: Int, accumulation: Int) throws {
    let masked = try targets(.duplicates, rankCount: rankCount, accumulation: accumulation).mapValues(\.masked)
    // The first and last ask the same: whatever either names is no negative of the other; never its own target.
    #expect(masked == [0: [2, 3, 4], 1: [0], 2: [0, 2, 3]])
  }

  @Test func staysAsItIsWithoutAMask() throws {
    let targets = try targets(.none, rankCount: 1, accumulation: 1)
    #expect(targets.values.allSatisfy { $0.masked.isEmpty })
    #expect(targets[2]?.columns == 4..<6)
  }

  /// Of a row's negatives those that are its own positives are not drawn at all.
  @Test func theSamplerAvoidsThem() throws {
    try withFolder(["train.jsonl": Self.rows]) { folder in
      let data = try TrainingData(paths: ["\(folder)/train.jsonl"], leavesOutPositives: true)
      #expect(data.leftOutCount == 2)
      #expect(try (0..<3).map { try data.row($0).negatives } == [["N"], ["P two"], ["N"]])
      #expect(data.counts == [2, 1, 1].map { RowCounts(positives: $0, negatives: 1) })
    }
  }

  /// Scores stay with their documents.
  @Test func teacherScoresStayWithTheirDocuments() throws {
    let row = #"{"query": "q", "pos": ["P"], "neg": ["P", "N"], "pos_scores": [3], "neg_scores": [2, 1]}"#
    try withFolder(["train.jsonl": row + "\n"]) { folder in
      let data = try TrainingData(paths: ["\(folder)/train.jsonl"], leavesOutPositives: true)
      let sampler = Sampler(counts: data.counts, batchQueries: 1, negativesPerQuery: 2, shuffle: false, seed: 1)
      #expect(try data.row(0).teacherScores(of: sampler.batch(0).slots[0]) == [3, 1])
    }
  }

  /// Each query's target by its place in the batch.
  private func targets(
    _ mask: Configuration.Mask, rankCount: Int, accumulation: Int
  ) throws -> [Int: QueryTarget] {
    let data = try withFolder(["train.jsonl": Self.rows]) {
      try TrainingData(paths: ["\($0)/train.jsonl"], leavesOutPositives: mask == .duplicates)
    }
    let shares = try ThreadCommunicator.run(rankCount: rankCount) { communicator in
      let model = try LoadedModel(
        ModelSettings(path: fixture("tiny-pylate")), trains: false, on: ThreadPool(threadCount: 1))
      let sampler = Sampler(counts: data.counts, batchQueries: 3, negativesPerQuery: 1, shuffle: false, seed: 1)
      let builder = BatchBuilder(
        data: data, sampler: sampler, input: model.input, mask: mask, accumulation: accumulation,
        rank: communicator.rank, rankCount: rankCount)
      let batch = try builder.deal(builder.read(0), communicator)
      return Array(zip(batch.slots, batch.targets))
    }
    return Dictionary(uniqueKeysWithValues: shares.joined().map { ($0, $1) })
  }
}
