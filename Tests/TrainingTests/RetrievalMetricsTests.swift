import Foundation
import Testing
import Training

@Suite struct RetrievalMetricsTests {
  struct Case: Decodable, Sendable {
    let run: [String: Double]
    let grades: [String: Int]
    let expected: [String: Double]
  }

  /// What pytrec_eval measures; `make-metrics.py` beside the file made it.
  static func cases() throws -> [Case] {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../Fixtures/metrics/metrics.json").standardizedFileURL
    return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
  }

  /// The case with its documents numbered as a collection numbers them, ranked by `TopDocuments`.
  func judged(_ test: Case) -> JudgedRanking {
    let ids = Set(test.run.keys).union(test.grades.keys).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    let numbers = Dictionary(uniqueKeysWithValues: zip(ids, 0...))
    var top = TopDocuments(capacity: ids.count)
    for (id, score) in test.run { top.offer(TopDocuments.Entry(score: Float(score), document: numbers[id]!)) }
    let grades = Dictionary(uniqueKeysWithValues: test.grades.map { (numbers[$0.key]!, $0.value) })
    return JudgedRanking(ranking: top.ranked.map(\.document), grades: grades)
  }

  @Test func equalsPytrecEval() throws {
    let cases = try Self.cases()
    #expect(cases.count == 64)
    for (number, test) in cases.enumerated() {
      let ranking = judged(test)
      let measured = [
        "mrr@10": ranking.reciprocalRank(at: 10), "mrr": ranking.reciprocalRank(at: .max),
        "ndcg@10": ranking.ndcg(at: 10), "ndcg@100": ranking.ndcg(at: 100), "recall@5": ranking.recall(at: 5),
        "recall@100": ranking.recall(at: 100), "map": ranking.averagePrecision, "success@1": ranking.success(at: 1),
        "success@5": ranking.success(at: 5),
      ]
      #expect(Set(measured.keys) == Set(test.expected.keys))
      for (name, value) in test.expected {
        #expect(abs(measured[name]! - value) < 1e-12, "case \(number): \(name) is \(measured[name]!), not \(value)")
      }
    }
  }

  @Test func reportsTheMeanOverQueriesByName() throws {
    let cases = try Self.cases()
    let mean = RetrievalMetrics(meanOf: cases.map { RetrievalMetrics(judged($0)) })
    let names = ["mrr@10", "ndcg@10", "recall@100", "map", "success@5"]
    #expect(mean.named.map(\.name) == names)
    for (name, value) in mean.named {
      let expected = cases.reduce(0) { $0 + $1.expected[name]! } / Double(cases.count)
      #expect(abs(value - expected) < 1e-12, "\(name) is \(value), not \(expected)")
    }
  }

  @Test func countsQueriesWithoutRelevantDocumentsAsZero() {
    let none = RetrievalMetrics(JudgedRanking(ranking: [2, 1], grades: [1: 0, 2: -3]))
    let best = RetrievalMetrics(JudgedRanking(ranking: [2, 1], grades: [1: 0, 2: 3]))
    #expect(none.named.allSatisfy { $0.value == 0 })
    #expect(best.named.allSatisfy { $0.value == 1 })
    #expect(RetrievalMetrics(meanOf: [none, best]).named.allSatisfy { $0.value == 0.5 })
  }
}
