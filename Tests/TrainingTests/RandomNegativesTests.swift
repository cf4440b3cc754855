import Communication
import Datasets
import LateInteraction
import Tensors
import TestSupport
import Testing
import Tokenizers

@testable import Training

/// Documents drawn at random in a batch that is cut.
@Suite struct RandomNegativesTests {
  /// The last row asks what the first asks, so that its positive is no negative of the first.
  private static let rows = """
    {"query": "a", "pos": ["P"], "neg": ["N", "M"], "pos_scores": [4], "neg_scores": [2, 1]}
    {"query": "b", "pos": ["Q"], "pos_scores": [3], "neg_scores": []}
    {"query": "a", "pos": ["only"], "pos_scores": [2], "neg_scores": []}

    """

  /// They stand behind the row's own documents, whatever rank reads them, and a teacher has no score for them.
  @Test(arguments: [1, 2, 3, 4])
  func comeBehindTheRowsDocuments(rankCount: Int) throws {
    let (targets, documents) = try batch(corpus: (0..<9).map { "word \($0)" }, rankCount: rankCount)
    #expect(targets.map(\.columns) == [0..<3, 5..<6, 8..<9])
    #expect(targets.map(\.documents) == [0..<5, 5..<8, 8..<11])
    #expect(targets.map(\.teacherScores) == [[4, 2, 1], [3], [2]])
    #expect(documents.count == 11)
    let random = [3, 4, 6, 7, 9, 10].map { documents[$0] }
    let drawn = try withRows(corpus: (0..<9).map { "word \($0)" }) { data, random in
      try (0..<3).flatMap { try random.draw(for: data.row($0), number: $0, pass: 0) }
    }
    #expect(random == drawn.map { input.tokenize($0, as: .document).ids })
  }

  /// `negatives.mask: duplicates` knows them too: the first and last rows have the same query.
  @Test func areMaskedWhereTheyAnswerTheQuery() throws {
    let corpus = ["only", "other"]
    let masked = try batch(corpus: corpus, rankCount: 2, mask: .duplicates).targets.map(\.masked)
    let drawn = try withRows(corpus: corpus) { data, random in
      try (0..<2).map { try random.draw(for: data.row($0), number: $0, pass: 0).firstIndex(of: "only")! }
    }
    // Among those drawn for either of the first two rows; and the last row's positive.
    #expect(masked[0] == [3 + drawn[0], 6 + drawn[1], 8])
    #expect(masked[1] == [])
    #expect(masked[2] == [0, 3 + drawn[0], 6 + drawn[1]])
  }

  private let input: InputTokenizer

  init() throws {
    input = try LoadedModel(
      ModelSettings(path: fixture("tiny-pylate")), trains: false, on: ThreadPool(threadCount: 1)
    ).input
  }

  private func withRows<Value>(
    corpus: [String], _ body: (TrainingData, RandomDocuments) throws -> Value
  ) throws -> Value {
    let lines = corpus.map { "{\"text\": \"\($0)\"}\n" }.joined()
    return try withFolder(["train.jsonl": Self.rows, "corpus.jsonl": lines]) { folder in
      let data = try TrainingData(paths: ["\(folder)/train.jsonl"])
      return try body(data, try RandomDocuments(2, from: "\(folder)/corpus.jsonl", data, seed: 1))
    }
  }

  /// The targets in the order of the global batch, and the ids of its documents.
  private func batch(
    corpus: [String], rankCount: Int, mask: Configuration.Mask = .none
  ) throws -> (targets: [QueryTarget], documents: [[Int32]]) {
    try withRows(corpus: corpus) { data, random in
      let shares = try ThreadCommunicator.run(rankCount: rankCount) { communicator in
        let sampler = Sampler(counts: data.counts, batchQueries: 3, negativesPerQuery: 2, shuffle: false, seed: 1)
        let builder = BatchBuilder(
          data: data, sampler: sampler, random: random, input: input, mask: mask, accumulation: 1,
          rank: communicator.rank, rankCount: rankCount)
        let batch = try builder.deal(builder.read(0), communicator)
        return (targets: Array(zip(batch.slots, batch.targets)), documents: zip(batch.documentColumns, batch.documents))
      }
      let targets = shares.flatMap(\.targets).sorted { $0.0 < $1.0 }.map(\.1)
      return (targets, shares.flatMap { Array($0.documents) }.sorted { $0.0 < $1.0 }.map(\.1))
    }
  }
}

extension RankBatch {
  /// The ids of each document of the share.
  fileprivate var documents: [[Int32]] {
    chunks.flatMap { chunk in
      (chunk.queryCount..<chunk.tokens.textCount).map { text in
        Array(chunk.tokens.ids[chunk.tokens.starts[text]..<chunk.tokens.starts[text + 1]])
      }
    }
  }
}
