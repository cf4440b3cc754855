import Checkpoints
import Foundation
import TestSupport
import Testing

/// What `encode`, `tokenize` and `gradients` write: right, and the same on any number of ranks.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct OutputTests {
  private let folder: TemporaryFolder
  private let reference: ReferenceTexts
  private let model = fixture("tiny-pylate")
  private static let allRanks: [Int?] = [nil, 2, 3]

  init() throws {
    reference = try ReferenceTexts()
    folder = try TemporaryFolder()
    try reference.write(reference.queries, to: "query.jsonl", in: folder)
    try reference.write(reference.documents, to: "document.jsonl", in: folder)
    try folder.write(ShortRun.configuration, to: "run.yaml")
  }

  @discardableResult
  private func colbert(_ arguments: [String], ranks: Int?) throws -> Command.Ended {
    let ended = try Command.colbert(arguments, ranks: ranks, in: folder.path)
    try #require(ended.status == 0, "\(ended.errors)")
    return ended
  }

  private func texts(_ role: String) -> [String] { ["--model", model, "--role", role, "--input", "\(role).jsonl"] }

  @Test(arguments: ["query", "document"]) func tokenizePrintsTheIDs(role: String) throws {
    let expected = reference.ids(role).map { "[\($0.map(String.init).joined(separator: ", "))]\n" }.joined()
    for ranks in Self.allRanks { #expect(try colbert(["tokenize"] + texts(role), ranks: ranks).output == expected) }
  }

  /// PyLate's vectors in float64; float32 is within 1e-5 of a vector's length, 1.
  @Test(arguments: ["query", "document"]) func encodeWritesTheVectors(role: String) throws {
    for ranks in Self.allRanks {
      try colbert(["encode"] + texts(role) + ["--output", "\(role)-\(ranks ?? 1)"], ranks: ranks)
      #expect(try folder.isSame("\(role)-\(ranks ?? 1)", as: "\(role)-1"))
    }
    let file = try SafetensorsFile("\(folder.path)/\(role)-1")
    #expect(file.names == ["ids", "starts", "vectors"])
    let golden = try SafetensorsFile(fixture("pylate-vectors.safetensors"))
    let expected = try reference.ids(role).indices.map { try golden.floats("\(role).\($0)") }

    let starts = try folder.integers("starts", in: "\(role)-1")
    #expect(starts == expected.reduce(into: [0]) { $0.append($0.last! + $1.count / 32) })
    #expect(file.info("vectors")?.shape == [starts.last!, 32])
    let vectors = try file.floats("vectors")
    #expect(zip(vectors, expected.joined()).allSatisfy { abs($0 - $1) < 1e-5 })

    // Documents leave their punctuation out; the tokens that are left are in the text's order.
    let ids = try folder.integers("ids", in: "\(role)-1")
    #expect(ids.count == starts.last)
    for (number, all) in reference.ids(role).enumerated() {
      let kept = Array(ids[starts[number]..<starts[number + 1]])
      #expect(role == "query" ? kept == all : isPart(kept, of: all), "text \(number)")
    }
  }

  private func isPart(_ part: [Int], of whole: [Int]) -> Bool {
    var rest = whole[...]
    return part.allSatisfy { id in
      guard let place = rest.firstIndex(of: id) else { return false }
      rest = rest[(place + 1)...]
      return true
    }
  }

  /// The first batch is all 8 rows in their order, without dropout: PyLate's own example.
  @Test func gradientsAreTheReferences() throws {
    let settings = ["batch.queries=8", "data.shuffle=false", "model.dropout=0"].flatMap { ["--set", $0] }
    let golden = try SafetensorsFile(fixture("pylate-grad-contrastive.safetensors"))
    for (ranks, accumulation) in [(nil, 1), (nil, 3), (2, 1), (3, 2)] as [(Int?, Int)] {
      let name = "gradients-\(ranks ?? 1)-\(accumulation)"
      let cut = ["--set", "batch.accumulation=\(accumulation)"]
      let ended = try colbert(["gradients", "run.yaml", "--output", name] + settings + cut, ranks: ranks)
      let printed = try printedLoss(ended.output)
      #expect(abs(printed.loss - reference.loss) < 1e-6 * reference.loss)
      #expect(printed.queries == 8 && printed.documents == 16)

      let file = try SafetensorsFile("\(folder.path)/\(name)")
      #expect(file.names == golden.names.map(shortName).sorted())
      let names = golden.names
      let found = try names.flatMap { try file.floats(shortName($0)) }
      #expect(relativeError(found, try names.flatMap { try golden.floats($0) }) < 5e-6, "\(name)")
    }
  }

  /// With dropout and shuffled data too, the cut changes nothing.
  @Test func gradientsAreTheSameOnAnyRanks() throws {
    var first: [Float] = []
    for ranks in Self.allRanks {
      let name = "dropout-\(ranks ?? 1)"
      try colbert(["gradients", "run.yaml", "--output", name], ranks: ranks)
      let file = try SafetensorsFile("\(folder.path)/\(name)")
      let found = try file.names.flatMap { try file.floats($0) }
      if first.isEmpty { first = found }
      #expect(relativeError(found, first) < 1e-5, "\(ranks ?? 1) ranks")
    }
  }

  private func shortName(_ pyLate: String) -> String {
    pyLate.replacing("0.auto_model.", with: "").replacing("1.linear.", with: "linear.")
  }

  private struct PrintedLoss: Decodable {
    let loss: Double
    let queries: Int
    let documents: Int
  }

  private func printedLoss(_ output: String) throws -> PrintedLoss {
    let last = try #require(output.split(separator: "\n").last)
    return try JSONDecoder().decode(PrintedLoss.self, from: Data(last.utf8))
  }
}
