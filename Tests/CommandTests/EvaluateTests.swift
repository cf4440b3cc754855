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
    for ranks in [nil, 2, 3] {
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
    _ = try evaluate(["--run", "run.trec"], ranks: 2)
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
    let ended = try Command.colbert(arguments, ranks: 2, in: folder.path)
    #expect(ended.status == 65 && ended.complaints.count == 1)
    #expect(ended.errors.contains(#"beir/corpus.jsonl:17: the id "a b" has white space"#), "\(ended.errors)")
    #expect(!folder.has("run.trec") && ended.output == "")
  }
}
