import Foundation
import TestSupport

/// The texts of pylate-train.jsonl, and what PyLate makes of them with tiny-pylate.
struct ReferenceTexts {
  private struct Expected: Decodable {
    let query_ids: [[Int]]
    let positive_ids: [[Int]]
    let negative_ids: [[Int]]
    let contrastive_loss: Double
    let scores: [[Double]]
  }

  private struct Row: Decodable {
    let query: String
    let pos: [String]
    let neg: [String]
  }

  private let expected: Expected
  let queries: [String]
  /// Each query's positive, in the order of queries; then their negatives.
  let documents: [String]

  init() throws {
    func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: fixture(name))) }
    expected = try JSONDecoder().decode(Expected.self, from: bytes("pylate.json"))
    let rows = try bytes("pylate-train.jsonl").split(separator: UInt8(ascii: "\n")).map {
      try JSONDecoder().decode(Row.self, from: $0)
    }
    queries = rows.map(\.query)
    documents = rows.map { $0.pos[0] } + rows.map { $0.neg[0] }
  }

  /// Of the batch of all rows.
  var loss: Double { expected.contrastive_loss }

  /// Of each query (rows) and document (columns).
  var scores: [[Double]] { expected.scores }

  func ids(_ role: String) -> [[Int]] {
    role == "query" ? expected.query_ids : expected.positive_ids + expected.negative_ids
  }

  /// The document that the collection calls each query's answer: any, so that some rank high and some low.
  private func answer(_ query: Int) -> Int { (3 * query + 1) % documents.count }

  /// The place, from 1, of each query's answer among all documents by score.
  var placesOfAnswers: [Int] {
    expected.scores.enumerated().map { query, scores in 1 + scores.count { $0 > scores[answer(query)] } }
  }

  /// Writes a collection in BEIR's layout.
  func writeCollection(to name: String, in folder: TemporaryFolder) throws {
    try write(queries, to: "\(name)/queries.jsonl", in: folder)
    try write(documents, to: "\(name)/corpus.jsonl", in: folder)
    let judgements = queries.indices.map { "\($0)\t\(answer($0))\t1\n" }.joined()
    try folder.write("query-id\tcorpus-id\tscore\n" + judgements, to: "\(name)/qrels/test.tsv")
  }

  /// Writes lines of `_id` and `text`.
  func write(_ texts: [String], to name: String, in folder: TemporaryFolder) throws {
    let lines = try texts.enumerated().map { number, text in
      String(decoding: try JSONEncoder().encode(["_id": "\(number)", "text": text]), as: UTF8.self) + "\n"
    }
    try folder.write(lines.joined(), to: name)
  }
}
