import Communication
import Datasets
import Foundation
import LateInteraction
import TestSupport
import Tensors
import Testing

@testable import Training

/// How much of what a model's dense and sparse scores rank first another one ranks first too.
@Suite struct DriftTests {
  /// Against rankings of scores in double. Numbers are eighths, so that no score is rounded and some are the same.
  @Test(arguments: [1, 7, 60]) func agreesWithTheTwin(documentsAtOnce: Int) throws {
    var numbers = TestNumbers(seed: 5)
    let models = (0..<2).map { _ in (queries: Example(count: 9, &numbers), documents: Example(count: 60, &numbers)) }
    let rankings = models.map { queries, documents in
      var rankings = HybridRankings(queryCount: queries.count)
      for first in stride(from: 0, to: documents.count, by: documentsAtOnce) {
        let range = first..<min(documents.count, first + documentsAtOnce)
        rankings.offer(range, queries.texts, documents.texts.texts(range), on: ThreadPool(threadCount: 2))
      }
      return rankings
    }
    let expected = models.map { NaiveRankings($0.queries, $0.documents) }
    for (ours, naive) in zip(rankings, expected) {
      #expect(ours.dense.map { $0.ranked.map(\.document) } == naive.dense)
      #expect(ours.sparse.map { $0.ranked.map(\.document) } == naive.sparse)
    }
    let lengths = expected.flatMap { $0.sparse.map(\.count) }
    #expect(lengths.contains(10) && lengths.contains(0) && lengths.contains { (1..<10).contains($0) })
    let agreement = rankings[0].agreement(with: rankings[1])
    #expect(abs(agreement.dense - naiveOverlap(expected[0].dense, expected[1].dense)) < 1e-15)
    #expect(abs(agreement.sparse - naiveOverlap(expected[0].sparse, expected[1].sparse)) < 1e-15)
    #expect(agreement.dense < 0.5 && agreement.sparse < 0.9)
    #expect(rankings[1].agreement(with: rankings[1]) == Agreement(dense: 1, sparse: 1))
  }

  @Test(arguments: [1, 2, 3, 4, 45]) func isTheSameOnAnyRanks(rankCount: Int) throws {
    let expected = try DriftCase.alone.get()
    let found = try ThreadCommunicator.run(rankCount: rankCount) { try DriftCase.agreements($0) }
    #expect(found == Array(repeating: expected, count: rankCount))
  }

  /// The model as it was loaded, one whose every number is another by up to a thousandth, and by up to itself.
  @Test func fallsWithTheChange() throws {
    let found = try DriftCase.alone.get()
    #expect(found[0] == Agreement(dense: 1, sparse: 1))
    #expect(found[1].dense > 0.97 && found[1].sparse > 0.97, "\(found)")
    #expect(found[2].dense < 0.8 && found[2].sparse < 0.8, "\(found)")
  }
}

/// The same under real `mpirun`.
@Suite(.serialized, .enabled(if: MPITestWorld.isLaunched), .timeLimit(.minutes(1)))
struct MPIDriftTests {
  @Test func isTheSameOnAnyRanks() throws {
    let world = MPITestWorld.communicator
    #expect(try DriftCase.agreements(world) == DriftCase.alone.get(), "rank \(world.rank) of \(world.rankCount)")
  }
}

/// tiny-bge-m3 and what is left of its rankings of real texts when its numbers change.
private enum DriftCase {
  static let alone = Result { try agreements(SoloCommunicator()) }

  /// Collective: every rank calls it.
  static func agreements(_ communicator: any Communicator) throws -> [Agreement] {
    try withFolder(try collection()) { folder in
      let collection = try RetrievalCollection(path: folder)
      let start = try Evaluator(model(changedBy: 0), communicator: communicator).hybridRankings(collection)
      return try ([0, 1e-3, 1] as [Float]).map { change in
        let changed = try Evaluator(model(changedBy: change), communicator: communicator)
        return try #require(try changed.evaluate(collection, against: start).agreement)
      }
    }
  }

  private static func model(changedBy share: Float) throws -> LoadedModel {
    let settings = ModelSettings(path: fixture("tiny-bge-m3"), trained: .all)
    let model = try LoadedModel(settings, trains: false, on: ThreadPool(threadCount: 1))
    var numbers = TestNumbers(seed: 8)
    let values = model.model.parameters.allValues
    values.assign(values.values.map { $0 * (1 + share * numbers.uniform()) })
    return model
  }

  private static func collection() throws -> [String: String] {
    func line(_ id: String, _ text: String) throws -> String {
      String(decoding: try JSONEncoder().encode(["_id": id, "text": text]), as: UTF8.self) + "\n"
    }
    let data = try TrainingData(paths: [fixture("bge-m3-train.jsonl"), fixture("pylate-train.jsonl")])
    let rows = try (0..<data.count).map { try data.row($0) }
    let documents = rows.flatMap { $0.positives + $0.negatives }
    return [
      "queries.jsonl": try rows.enumerated().map { try line("\($0)", $1.query) }.joined(),
      "corpus.jsonl": try documents.enumerated().map { try line("\($0)", $1) }.joined(),
      "qrels/test.tsv": rows.indices.map { "\($0)\t\($0)\t1\n" }.joined(),
    ]
  }
}

/// Dense and sparse vectors of eighths.
private final class Example {
  private let dense: TestMatrix
  private let weights: TestMatrix
  let count: Int
  let texts: EncodedTexts
  /// The weight of each id.
  let sparse: [[Int32: Double]]

  init(count: Int, _ numbers: inout TestNumbers) {
    func eighths(_ count: Int) -> [Float] { (0..<count).map { _ in Float(numbers.integer(below: 17) - 8) / 8 } }
    self.count = count
    dense = TestMatrix(eighths(count * 5), rows: count, columns: 5)
    // Of every eighth text none, so that nothing is found for it; of others few ids, so that some find little.
    let ids = (0..<count).map { text in
      (0..<Int32(40)).filter { _ in text % 8 != 0 && numbers.integer(below: 40) < 1 + text % 8 }
    }
    let starts = ids.reduce(into: [0]) { $0.append($0.last! + $1.count) }
    weights = TestMatrix(eighths(starts.last!).map { abs($0) + 0.125 }, rows: starts.last!, columns: 1)
    let values = weights.doubles
    sparse = ids.enumerated().map { text, ids in
      Dictionary(uniqueKeysWithValues: zip(ids, values[starts[text]..<starts[text + 1]]))
    }
    texts = EncodedTexts(
      vectors: TextVectors(rows: dense.matrix, starts: Array(0...count)), dense: dense.matrix,
      sparse: SparseVectors(ids: ids.flatMap { $0 }, weights: TextVectors(rows: weights.matrix, starts: starts)))
  }

  func denseRow(_ text: Int) -> [Double] { dense.row(text) }
}

/// The first ten by sorting all: the higher score, of equals the larger number; by sparse vectors only what is found.
private struct NaiveRankings {
  let dense: [[Int]]
  let sparse: [[Int]]

  init(_ queries: Example, _ documents: Example) {
    func first(_ scores: [Double], where isFound: (Double) -> Bool) -> [Int] {
      let sorted = scores.indices.filter { isFound(scores[$0]) }.sorted { (scores[$0], $0) > (scores[$1], $1) }
      return Array(sorted.prefix(10))
    }
    dense = (0..<queries.count).map { query in
      first((0..<documents.count).map { zip(queries.denseRow(query), documents.denseRow($0)).map(*).reduce(0, +) }) {
        _ in true
      }
    }
    sparse = (0..<queries.count).map { query in
      let weights = queries.sparse[query]
      return first(documents.sparse.map { $0.reduce(0) { $0 + $1.value * (weights[$1.key] ?? 0) } }) { $0 > 0 }
    }
  }
}

private func naiveOverlap(_ a: [[Int]], _ b: [[Int]]) -> Double {
  zip(a, b).map { a, b in
    a.isEmpty && b.isEmpty ? 1 : Double(a.filter(b.contains).count) / Double(max(a.count, b.count))
  }.reduce(0, +) / Double(a.count)
}
