import Checkpoints
import Foundation
import TestSupport
import Testing

/// Losses over several dimensions of the vectors, and vectors of fewer, through the commands.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct MatryoshkaRunTests {
  private struct Line: Decodable {
    let step: Int
    let loss: Double?
    let evaluation: [String: Double]?
    let narrower: [String: [String: Double]]?
  }

  private struct Plan: Decodable {
    struct Run: Decodable {
      struct Memory: Decodable { let vectorsAndScores: Int }
      let memory: Memory
      let operations: Double
      let queriesPlanBytes: Double
      let documentsPlanBytes: Double
    }
    let runs: [Run]
  }

  private static let settings = [
    "--set", "loss.matryoshka=[32, 8]", "--set", "run.steps=4", "--set", "run.evaluate_every=4",
  ]

  private func lines(_ run: ShortRun) throws -> [Line] {
    try run.folder.text(of: "run/metrics.jsonl").split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
  }

  private func evaluated(_ run: ShortRun, _ arguments: [String]) throws -> [String: Double] {
    let ended = try Command.colbert(
      ["evaluate", "--model", "run/model", "--data", "beir", "--json", "figures.json"] + arguments, in: run.folder.path)
    try #require(ended.status == 0, "\(ended.errors)")
    return try JSONDecoder().decode([String: Double].self, from: run.folder.bytes(of: "figures.json"))
  }

  /// The figures of an evaluation in the run are those of `evaluate --dimension` with its model, on any ranks.
  @Test func learnsAndMeasuresEachDimension() throws {
    let runs = try [nil, 3].map { ranks in
      let run = try ShortRun()
      try ReferenceTexts().writeCollection(to: "beir", in: run.folder)
      let ended = try run.finish(Self.settings + ["--set", "evaluation.data=beir"], ranks: ranks)
      #expect(ended.errors.contains("the ColBERT loss is added up over the first 32, 8 components"))
      #expect(!ended.errors.contains("are not among the dimensions"))
      return run
    }
    let (alone, together) = (try lines(runs[0]), try lines(runs[1]))
    for (a, b) in zip(alone, together) {
      if let loss = a.loss { #expect(abs(loss / b.loss! - 1) < 1e-4, "step \(a.step)") }
    }
    let last = try #require(alone.last)
    let (whole, narrow) = try (evaluated(runs[0], []), evaluated(runs[0], ["--dimension", "8"]))
    for (name, value) in try #require(last.evaluation) { #expect(whole[name] == value, "\(name)") }
    for (name, value) in try #require(last.narrower?["8"]) { #expect(narrow[name] == value, "\(name)") }
    #expect(last.narrower?.count == 1 && narrow != whole)
    #expect(try evaluated(runs[0], ["--dimension", "32"]) == whole)
  }

  /// The whole vectors may be without a loss, which is said.
  @Test func warnsWithoutTheWhole() throws {
    let run = try ShortRun()
    let settings = ["loss.matryoshka=[16, 8]", "loss.matryoshka_weights=[1, 0.5]", "run.steps=1"]
    let ended = try run.finish(settings.flatMap { ["--set", $0] })
    #expect(ended.errors.contains("the model's 32 components are not among the dimensions"))
    #expect(ended.errors.contains("over the first 16, 8 (times 0.500) components"))
  }

  /// `encode` writes the first components of each vector, divided by their length.
  @Test func encodesFewerComponents() throws {
    let folder = try TemporaryFolder()
    try folder.write(#"{"text": "the moon pulls the sea"}"# + "\n" + #"{"text": "a desk"}"# + "\n", to: "texts.jsonl")
    func encode(_ output: String, _ arguments: [String]) throws -> Command.Ended {
      try Command.colbert(
        [
          "encode", "--model", fixture("tiny-pylate"), "--role", "document", "--input", "texts.jsonl", "--output",
          output,
        ]
          + arguments, in: folder.path)
    }
    #expect(try encode("whole", []).status == 0)
    #expect(try encode("narrow", ["--dimension", "8"]).status == 0)
    let whole = try SafetensorsFile("\(folder.path)/whole")
    let narrow = try SafetensorsFile("\(folder.path)/narrow")
    let rows = try whole.floats("vectors")
    let found = try narrow.floats("vectors")
    let count = rows.count / 32
    #expect(try narrow.tensor("vectors").shape == [count, 8])
    for row in 0..<count {
      let first = rows[32 * row..<32 * row + 8].map(Double.init)
      let length = first.reduce(0) { $0 + $1 * $1 }.squareRoot()
      // Two roundings to float: of the inverse length's product, and of none before it.
      for i in 0..<8 { #expect(abs(Double(found[8 * row + i]) - first[i] / length) <= 0x1p-24, "[\(row), \(i)]") }
    }
    for (dimension, status, message) in [
      ("33", 64, "--dimension 33 is more than the 32 components that the vectors of"),
      ("0", 64, "--dimension is 0; it must be 1 or more"),
    ] {
      let ended = try encode("none", ["--dimension", dimension])
      #expect(ended.status == Int32(status) && ended.errors.contains(message), "\(ended.errors)")
    }
  }

  /// A plan counts the scores of every dimension.
  @Test func isPlanned() throws {
    func plan(_ arguments: [String]) throws -> Plan.Run {
      let run = try ShortRun()
      let ended = try Command.colbert(
        ["plan", "run.yaml", "--ranks", "2", "--json", "p.json"] + arguments, in: run.folder.path)
      try #require(ended.status == 0, "\(ended.errors)")
      return try JSONDecoder().decode(Plan.self, from: run.folder.bytes(of: "p.json")).runs[0]
    }
    let (whole, narrow) = try (plan([]), plan(["--set", "loss.matryoshka=[32, 16, 8]"]))
    #expect(narrow.operations > whole.operations && narrow.memory.vectorsAndScores > whole.memory.vectorsAndScores)
    #expect(narrow.queriesPlanBytes > whole.queriesPlanBytes, "scores of each dimension go home")
    #expect(narrow.documentsPlanBytes == whole.documentsPlanBytes, "vectors travel once")
  }
}
