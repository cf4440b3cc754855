import Foundation
import TestSupport
import Testing

/// `colbert mine` as people run it.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct MineTests {
  private struct Row: Decodable {
    let query: String
    let pos: [String]
    let neg: [String]
    let pos_scores: [Double]
    let neg_scores: [Double]
    let kind: String?
  }

  private static func mine(
    _ folder: TemporaryFolder, _ settings: [String] = [], ranks: Int? = nil, output: String = "mined.jsonl"
  ) throws -> Command.Ended {
    try Command.colbert(
      ["mine", "run.yaml", "--output", output, "--json", "\(output).json"] + settings.flatMap { ["--set", $0] },
      ranks: ranks, in: folder.path)
  }

  private static func rows(_ folder: TemporaryFolder, _ output: String = "mined.jsonl") throws -> [Row] {
    try folder.text(of: output).split(separator: "\n").map { try JSONDecoder().decode(Row.self, from: Data($0.utf8)) }
  }

  private static func folder(_ training: String) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write(
      "model: {path: \(fixture("tiny-pylate"))}\ndata: {train: [train.jsonl]}\nrun: {directory: run}\n", to: "run.yaml")
    try folder.write(training, to: "train.jsonl")
    return folder
  }

  /// Rows of an equal query, a copy of a positive with other white space, the query's own text, a corpus smaller than the
  /// request: what is left is the one document that may be a negative; other members stay, stale scores go.
  @Test(arguments: [nil, 3]) func neverTakesAFalseNegative(ranks: Int?) throws {
    let folder = try Self.folder(
      """
      {"query": "a b", "pos": ["the sea"], "neg": ["the  sea", "a b", "moon"], "neg_scores": [9, 9, 9], "kind": "x"}
      {"query": "a  b", "pos": ["tides"]}

      """)
    let ended = try Self.mine(folder, ranks: ranks)
    #expect(ended.status == 0, "\(ended.errors)")
    let rows = try Self.rows(folder)
    #expect(rows.map(\.neg) == [["moon"], ["moon"]])
    #expect(rows.map(\.pos) == [["the sea"], ["tides"]])
    #expect(rows[0].kind == "x" && rows[0].neg_scores.count == 1 && rows[0].pos_scores.count == 1)
    #expect(
      ended.output.contains("2 negatives for 2 queries, 1.00 a query; 2 queries have fewer than 8, 0 of them none"))
    #expect(!folder.has("mined.jsonl.mining"))
  }

  private struct Report: Decodable, Equatable {
    let queries, negatives, queries_with_fewer, queries_without: Int
    let corpus_records, corpus_repetitions, corpus_empty: Int
    let scored, no_tokens, outside_ranks, in_ranks: Int
    let known_positives, min_score, max_score, margin, relative_margin: Int
    let scores: [Bin]

    struct Bin: Decodable, Equatable {
      let from: Double
      let positives, negatives: Int
    }
  }

  /// Of nine records one repeats another, one is blank, and a control character leaves no token; a positive is not among
  /// them. Six may be negatives of the first query, five of the second.
  @Test(arguments: [nil, 3]) func reportsEveryDocument(ranks: Int?) throws {
    let folder = try Self.folder(
      "{\"query\": \"a\", \"pos\": [\"elsewhere\"]}\n{\"query\": \"b\", \"pos\": [\"sea\"]}\n")
    let texts = ["sea", "moon", "tide", "tide ", " ", "\\u0001", "star", "wind", "rain"]
    try folder.write(texts.map { "{\"text\": \"\($0)\"}\n" }.joined(), to: "corpus.jsonl")
    let settings = [
      "mining.corpus=corpus.jsonl", "mining.negatives=2", "mining.last_rank=3", "mining.max_score=-1000",
    ]
    let ended = try Self.mine(folder, settings, ranks: ranks)
    #expect(ended.status == 0, "\(ended.errors)")
    let report = try JSONDecoder().decode(Report.self, from: Data(folder.text(of: "mined.jsonl.json").utf8))
    #expect(report.queries == 2 && report.queries_with_fewer == 2 && report.queries_without == 2)
    #expect(report.corpus_records == 9 && report.corpus_repetitions == 1 && report.corpus_empty == 1)
    // Seven texts for each query, and what the corpus lacks for the first.
    #expect(report.scored == 15 && report.no_tokens == 2)
    #expect(report.max_score == 6 && report.in_ranks == 6 + report.known_positives)
    #expect(report.outside_ranks == 15 - 2 - report.in_ranks)
    #expect(report.scores.map(\.positives).reduce(0, +) == 2 && report.scores.allSatisfy { $0.negatives == 0 })
    #expect(ended.output.contains("  outside ranks 1 to 3 ") && ended.output.contains("█"))
  }

  /// Best first, none above the bound or within the margin, and the same bytes on any ranks.
  @Test(arguments: ["top", "uniform", "score"]) func keepsTheRules(sampling: String) throws {
    let folder = try Self.folder(
      String(decoding: try Data(contentsOf: URL(fileURLWithPath: fixture("pylate-train.jsonl"))), as: UTF8.self))
    let settings = ["mining.negatives=3", "mining.sampling=\(sampling)", "mining.margin=0.01", "mining.first_rank=2"]
    let outputs = try [nil, 1, 2, 3].map { ranks in
      let ended = try Self.mine(folder, settings, ranks: ranks, output: "mined-\(ranks ?? 0).jsonl")
      #expect(ended.status == 0, "\(ended.errors)")
      return try folder.bytes(of: "mined-\(ranks ?? 0).jsonl")
    }
    let reports = try [0, 1, 2, 3].map { try folder.bytes(of: "mined-\($0).jsonl.json") }
    let areSame = reports.allSatisfy { $0 == reports[0] }
    #expect(areSame)
    let isSame = outputs.allSatisfy { $0 == outputs[0] }
    #expect(isSame)
    let rows = try Self.rows(folder, "mined-0.jsonl")
    #expect(rows.contains { $0.neg.count == 3 })
    for row in rows {
      #expect(row.neg_scores == row.neg_scores.sorted(by: >))
      #expect(row.neg_scores.allSatisfy { $0 <= row.pos_scores.max()! - 0.01 + 1e-6 })
      #expect(Set(row.neg).isDisjoint(with: row.pos))
    }
  }

  /// Killed while it searches, it goes on to the same bytes; with other settings it refuses to.
  @Test func goesOnAfterAKill() throws {
    let (folder, settings) = try Self.longSearch()
    try Self.killWhileItSearches(folder, settings)
    let other = try Self.mine(folder, settings + ["mining.negatives=2"])
    #expect(other.status == 64 && other.errors.contains("mining.negatives: 8 before, 2 now"), "\(other.errors)")
    let ended = try Self.mine(folder, settings)
    #expect(ended.status == 0 && ended.errors.contains("going on after "), "\(ended.errors)")
    #expect(try folder.isSame("mined.jsonl", as: "whole.jsonl"))
    #expect(try folder.isSame("mined.jsonl.json", as: "whole.jsonl.json"))
  }

  /// Rests on the law of cuts, as MaxSimTests and EncoderBitsTests hold it.
  @Test func goesOnOnOtherRanks() throws {
    let (folder, settings) = try Self.longSearch()
    try Self.killWhileItSearches(folder, settings)
    let ended = try Self.mine(folder, settings, ranks: 2)
    #expect(ended.status == 0 && ended.errors.contains("going on after "), "\(ended.errors)")
    #expect(try folder.isSame("mined.jsonl", as: "whole.jsonl"))
    #expect(try folder.isSame("mined.jsonl.json", as: "whole.jsonl.json"))
  }

  /// One query in 20,000 documents, of which half nearly repeat, and what an undisturbed search finds.
  private static func longSearch() throws -> (TemporaryFolder, settings: [String]) {
    let texts = (0..<20_000).map { "{\"text\": \"document \($0 % 9973) of \($0)\"}\n" }.joined()
    let folder = try Self.folder("{\"query\": \"document 7\", \"pos\": [\"document of 7\"]}\n")
    try folder.write(texts, to: "corpus.jsonl")
    let settings = ["mining.corpus=corpus.jsonl"]
    let whole = try mine(folder, settings, output: "whole.jsonl")
    try #require(whole.status == 0, "\(whole.errors)")
    return (folder, settings)
  }

  /// On a busy machine the search may be over before it is killed; then it is begun again.
  private static func killWhileItSearches(_ folder: TemporaryFolder, _ settings: [String]) throws {
    for _ in 0..<5 {
      let command = try Command(
        ["mine", "run.yaml", "--output", "mined.jsonl"] + settings.flatMap { ["--set", $0] }, in: folder.path)
      while !folder.has("mined.jsonl.mining/progress") && command.isRunning { usleep(500) }
      command.send(SIGKILL)
      if try command.end().status == 128 + SIGKILL { return }
      try folder.remove("mined.jsonl")
    }
    Issue.record("never killed")
  }
}
