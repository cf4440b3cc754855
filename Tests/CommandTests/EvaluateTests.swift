import Checkpoints
import Foundation
import LateInteraction
import Tensors
import TestSupport
import Testing

/// What `evaluate` prints and writes: right, and the same bytes on any number of ranks.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct EvaluateTests {
  let folder: TemporaryFolder
  let reference: ReferenceTexts
  static let model = ["--model", fixture("tiny-pylate")]

  init() throws {
    folder = try TemporaryFolder()
    reference = try ReferenceTexts()
    try reference.writeCollection(to: "beir", in: folder)
  }

  func evaluate(_ arguments: [String], data: String = "beir", ranks: Int? = nil) throws -> Command.Ended {
    let ended = try Command.colbert(
      ["evaluate", "--data", data] + Self.model + arguments, ranks: ranks, in: folder.path)
    try #require(ended.status == 0, "\(ended.errors)")
    return ended
  }

  /// The places of the answers by PyLate's scores say what every figure must be.
  @Test func measuresTheReferencesRanking() throws {
    let outputs = ["--json", "figures.json", "--per-query", "queries.jsonl", "--run", "run.trec"]
    var results: Set<String> = []
    for ranks in [nil, 3] {
      let printed = try evaluate(outputs, ranks: ranks).output
      results.insert(
        try printed + ["figures.json", "queries.jsonl", "run.trec"].map { try folder.text(of: $0) }.joined())
    }
    #expect(results.count == 1, "the same table and the same bytes of every file on any ranks")

    let figures = try JSONDecoder().decode([String: Double].self, from: folder.bytes(of: "figures.json"))
    let places = reference.placesOfAnswers
    #expect(places.min()! <= 5 && places.max()! > 10, "a ranking that tells the figures apart")
    let expected: [(name: String, value: (Double) -> Double)] = [
      ("mrr@10", { $0 <= 10 ? 1 / $0 : 0 }), ("ndcg@10", { $0 <= 10 ? 1 / log2($0 + 1) : 0 }), ("map", { 1 / $0 }),
      ("recall@100", { _ in 1 }), ("success@5", { $0 <= 5 ? 1 : 0 }),
    ]
    let lines = try folder.text(of: "queries.jsonl").split(separator: "\n")
    #expect(lines.count == 8)
    for (name, value) in expected {
      let values = places.map { value(Double($0)) }
      let mean = try #require(figures[name])
      #expect(abs(mean - values.reduce(0, +) / 8) < 1e-12, "\(name)")
      let (low, high) = try (#require(figures["\(name)_low"]), #require(figures["\(name)_high"]))
      #expect(values.min()! <= low && low <= mean && mean <= high && high <= values.max()!, "\(name)")
      #expect(low < high || Set(values).count == 1, "\(name)")
      for (query, line) in lines.enumerated() {
        let fields = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(fields["query"] as? String == "\(query)")
        #expect(abs(try #require(fields[name] as? Double) - values[query]) < 1e-12, "\(name) of query \(query)")
      }
    }
    #expect(figures["queries"] == 8 && figures["documents"] == 16 && figures.count == 17)
  }

  /// Scores in evaluation are those of `encode`'s vectors, bit for bit, and a run holds all their bits.
  @Test func aRunHoldsTheScoresOfTheEncodedVectors() throws {
    _ = try evaluate(["--run", "run.trec"])
    let arena = Arena()
    func encode(_ role: String, _ file: String) throws -> TextVectors {
      let arguments = ["--role", role, "--input", "beir/\(file)", "--output", role]
      #expect(try Command.colbert(["encode"] + Self.model + arguments, in: folder.path).status == 0)
      let vectors = try SafetensorsFile("\(folder.path)/\(role)").floats("vectors")
      let starts = try folder.integers("starts", in: role)
      let rows = arena.matrix(rows: starts.last!, columns: 32)
      rows.withMutableSpan { span in for index in vectors.indices { span[index] = vectors[index] } }
      return TextVectors(rows: rows, starts: starts)
    }
    let (queries, documents) = try (encode("query", "queries.jsonl"), encode("document", "corpus.jsonl"))
    let scores = maxSim(queries, documents, reduction: .sum, keepsWinners: false, on: ThreadPool(threadCount: 1))
    let lines = try folder.text(of: "run.trec").split(separator: "\n")
    #expect(lines.count == 8 * 16)
    try withExtendedLifetime(arena) {
      for (index, line) in lines.enumerated() {
        let fields = line.split(separator: " ")
        let (query, document) = (try #require(Int(fields[0])), try #require(Int(fields[2])))
        #expect(fields.count == 6 && fields[1] == "Q0" && fields[5] == "colbert")
        #expect(query == index / 16 && fields[3] == "\(index % 16 + 1)")
        #expect(Float(fields[4])?.bitPattern == scores.scores[query, document].bitPattern)
      }
    }
  }

  @Test func aRunRefusesIDsWithSpaces() throws {
    let lines = try folder.text(of: "beir/corpus.jsonl")
    try folder.write(lines + #"{"_id": "a b", "text": "x"}"# + "\n", to: "beir/corpus.jsonl")
    _ = try evaluate([])
    let arguments = ["evaluate", "--data", "beir", "--run", "run.trec"] + Self.model
    let ended = try Command.colbert(arguments, in: folder.path)
    #expect(ended.status == 65 && ended.complaints.count == 1)
    #expect(ended.errors.contains(#"beir/corpus.jsonl:17: the id "a b" has white space"#), "\(ended.errors)")
    #expect(!folder.has("run.trec") && ended.output == "")
  }

  /// What a search finds, scored again, is the same bytes; of a part of it, the same scores.
  @Test func rerankingGivesTheScoresOfASearch() throws {
    _ = try evaluate(["--run", "run.trec", "--json", "all.json"])
    _ = try evaluate(["--rerank", "run.trec", "--run", "again.trec", "--json", "again.json"], ranks: 3)
    #expect(try folder.isSame("again.trec", as: "run.trec"))
    #expect(try folder.isSame("again.json", as: "all.json"))

    // The last document of the first query and two of the third, in the order of a worse system.
    let lines = try folder.text(of: "run.trec").split(separator: "\n").map(String.init)
    let part = [lines[15], lines[40], lines[33]]
    try folder.write(part.joined(separator: "\n"), to: "part.trec")
    let log = try evaluate(["--rerank", "part.trec", "--run", "again.trec"]).errors
    #expect(log.contains("judged queries for which part.trec lists nothing, counted as zero: 6"), "\(log)")
    func documentsAndScores(_ lines: [String]) -> [[Substring]] {
      lines.map { $0.split(separator: " ") }.map { [$0[0], $0[2], $0[4]] }
    }
    let again = try folder.text(of: "again.trec").split(separator: "\n").map(String.init)
    #expect(documentsAndScores(again) == documentsAndScores([lines[15], lines[33], lines[40]]))
    #expect(again.map { $0.split(separator: " ")[3] } == ["1", "1", "2"])
  }

  /// The same figures of FlagEmbedding's layout, and of judgements that went through TREC's format.
  @Test func readsTheOtherFormats() throws {
    _ = try evaluate(["--json", "beir.json", "--write-qrels", "qrels.trec"])
    #expect(try folder.text(of: "qrels.trec").hasPrefix("0 0 1 1\n1 0 4 1\n"))
    try folder.remove("beir/qrels")
    try folder.write(ShortRun.configuration + "evaluation: {data: beir}\n", to: "run.yaml")
    let configured = ["evaluate", "run.yaml", "--qrels", "qrels.trec", "--json", "configured.json"]
    #expect(try Command.colbert(configured, in: folder.path).status == 0)
    #expect(try folder.isSame("configured.json", as: "beir.json"))
    _ = try evaluate(["--json", "trec.json", "--qrels", "qrels.trec"])
    for (file, name) in [("corpus", "corpus"), ("queries", "test_queries")] {
      let lines = try folder.text(of: "beir/\(file).jsonl").replacing("\"_id\"", with: "\"id\"")
      try folder.write(lines, to: "flag/\(name).jsonl")
    }
    let judgements = try folder.text(of: "qrels.trec").split(separator: "\n").map { line in
      let fields = line.split(separator: " ")
      return "{\"qid\": \"\(fields[0])\", \"docid\": \"\(fields[2])\", \"relevance\": \(fields[3])}\n"
    }
    try folder.write(judgements.joined(), to: "flag/test_qrels.jsonl")
    _ = try evaluate(["--json", "flag.json"], data: "flag")
    #expect(try folder.isSame("trec.json", as: "beir.json"))
    #expect(try folder.isSame("flag.json", as: "beir.json"))
  }

  /// Fewer documents than are asked for, all alike or empty: ties are ordered as trec_eval orders them.
  @Test func ranksTiesAndEmptyDocuments() throws {
    func corpus(_ texts: [String: String]) throws {
      let lines = texts.map { "{\"_id\": \"\($0)\", \"text\": \"\($1)\"}\n" }
      try folder.write(lines.joined(), to: "beir/corpus.jsonl")
    }
    func documents() throws -> [String] {
      try folder.text(of: "run.trec").split(separator: "\n").filter { $0.hasPrefix("0 ") }
        .map { String($0.split(separator: " ")[2]) }
    }
    try corpus(["1": "same", "10": "same", "9": "same"])
    let log = try evaluate(["--run", "run.trec", "--json", "figures.json"], ranks: 2).errors
    #expect(log.contains("judged documents that the corpus lacks, counted as not found as in trec_eval: 6"), "\(log)")
    #expect(try documents() == ["9", "10", "1"])
    let figures = try JSONDecoder().decode([String: Double].self, from: folder.bytes(of: "figures.json"))
    // Query 0 has document 1 for its answer, query 3 document 10; the others' are not there.
    let expected: Double = (1.0 / 3 + 1.0 / 2) / 8
    #expect(figures["mrr@10"] == expected)

    try corpus(["1": "", "2": "!!!", "3": "library for tables"])
    _ = try evaluate(["--run", "run.trec"])
    #expect(try Set(documents()) == ["1", "2", "3"])
    let lines = try folder.text(of: "run.trec").split(separator: "\n")
    #expect(lines.count == 24)
    for line in lines { #expect(Float(line.split(separator: " ")[4])?.isFinite == true, "\(line)") }
  }

  @Test func namesWhatIsWrongWithACollection() throws {
    let (corpus, queries) = try (folder.text(of: "beir/corpus.jsonl"), folder.text(of: "beir/queries.jsonl"))
    let judgements = try folder.text(of: "beir/qrels/test.tsv")
    for (file, text, good, complaint) in [
      ("corpus.jsonl", "", corpus, "beir/corpus.jsonl: the file holds no row"),
      ("corpus.jsonl", corpus + corpus, corpus, #"beir/corpus.jsonl:17: the id "0" stands on line 1 already"#),
      ("queries.jsonl", queries + queries, queries, #"beir/queries.jsonl:9: the id "0" stands on line 1 already"#),
      ("qrels/test.tsv", judgements + "8\t1\t1\n", judgements, #"beir/qrels/test.tsv:10: the query "8" is not in"#),
      ("qrels/test.tsv", "", judgements, "beir/qrels/test.tsv: no query has a judgement"),
    ] {
      try folder.write(text, to: "beir/\(file)")
      let ended = try Command.colbert(["evaluate", "--data", "beir"] + Self.model, in: folder.path)
      #expect(ended.status == 65 && ended.complaints.count == 1 && ended.output == "")
      #expect(ended.complaints.joined().contains(complaint), "\(ended.errors)")
      try folder.write(good, to: "beir/\(file)")
    }
    // A query without judgements is left out and counted; a judged document that is not there is never found.
    try folder.write("0\t1\t1\n0\tgone\t1\n", to: "beir/qrels/test.tsv")
    let ended = try evaluate(["--json", "figures.json"])
    #expect(ended.errors.contains("queries left out because they have no judgement: 7"))
    let figures = try JSONDecoder().decode([String: Double].self, from: folder.bytes(of: "figures.json"))
    #expect(figures["recall@100"] == 0.5 && figures["queries"] == 1)
    try folder.write("0 Q0 17 1 nan x\n", to: "bad.trec")
    let bad = try Command.colbert(
      ["evaluate", "--data", "beir", "--rerank", "bad.trec"] + Self.model, ranks: 2, in: folder.path)
    #expect(bad.status == 65 && bad.complaints.count == 1)
    #expect(bad.errors.contains(#"bad.trec:1: the score "nan" is not a finite number"#), "\(bad.errors)")
  }
}
