import Checkpoints
import Foundation
import TestSupport
import Testing

/// `colbert export` of checkpoints, and merges with the model that training began with.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct ExportCheckpointTests {
  private let run: ShortRun
  private var folder: TemporaryFolder { run.folder }

  init() throws { run = try ShortRun() }

  private func export(
    _ source: [String], _ format: String, to output: String, _ more: [String] = []
  ) throws -> Command.Ended {
    try Command.colbert(["export"] + source + ["--format", format, "--output", output] + more, in: folder.path)
  }

  private func finish(_ settings: [String] = []) throws {
    try run.finish((["run.steps=4", "run.checkpoint_every=2"] + settings).flatMap { ["--set", $0] })
  }

  /// The encoder's tensors and the head's of a PyLate folder, by name.
  private func tensors(_ model: String) throws -> [String: [UInt32]] {
    var tensors: [String: [UInt32]] = [:]
    for name in ["model.safetensors", "1_Dense/model.safetensors"] {
      let file = try SafetensorsFile("\(model)/\(name)")
      for tensor in file.names {
        let today = tensor.replacing("LayerNorm.gamma", with: "LayerNorm.weight")
          .replacing("LayerNorm.beta", with: "LayerNorm.bias")
        tensors[today] = try file.floats(tensor).map(\.bitPattern)
      }
    }
    return tensors
  }

  /// A run's folder stands for its newest checkpoint, of which the finished model was made.
  @Test func theNewestCheckpointIsTheFinishedModel() throws {
    try finish()
    #expect(try export(["--checkpoint", "run"], "pylate", to: "out").status == 0)
    #expect(folder.names(in: "out") == folder.names(in: "run/model"))
    for name in folder.names(in: "out") where !["README.md", "1_Dense"].contains(name) {
      #expect(try folder.isSame("out/\(name)", as: "run/model/\(name)"), "\(name)")
    }
    #expect(try folder.isSame("out/1_Dense/model.safetensors", as: "run/model/1_Dense/model.safetensors"))
    let card = try folder.text(of: "out/README.md")
    #expect(card.contains("Trained for 4 steps of 4 queries"))
    #expect(card.contains("Exported to the layout pylate from `run/checkpoints/step-4`"))
    #expect(try export(["--checkpoint", "run/checkpoints/step-2"], "pylate", to: "earlier").status == 0)
    #expect(try folder.text(of: "earlier/README.md").contains("Trained for 2 steps"))
    #expect(try !folder.isSame("earlier/model.safetensors", as: "out/model.safetensors"))
  }

  /// A run on a folder in another layout leaves its model in that layout.
  @Test(arguments: ["stanford", "sentence-transformers"]) func trainingKeepsTheLayout(format: String) throws {
    #expect(try export(["--model", fixture("tiny-pylate")], format, to: "model").status == 0)
    try finish(["model.path=model"])
    #expect(folder.names(in: "run/model") == folder.names(in: "model"))
    #expect(try !folder.isSame("run/model/model.safetensors", as: "model/model.safetensors"))
    // The same run on PyLate's layout of the model ends at the same parameters.
    let (model, again) = ("run/model", "again")
    #expect(try export(["--model", model], "pylate", to: "brought-back").status == 0)
    try finish(["run.directory=\(again)"])
    #expect(try tensors("\(folder.path)/brought-back") == tensors("\(folder.path)/\(again)/model"))
  }

  @Test func badCheckpoints() throws {
    try finish()
    let shard = try #require(folder.names(in: "run/checkpoints/step-4").first { $0.hasPrefix("shard") })
    var bytes = try folder.bytes(of: "run/checkpoints/step-4/\(shard)")
    bytes[bytes.count - 1] ^= 1
    try folder.write(bytes, to: "run/checkpoints/step-4/\(shard)")
    let damaged = try export(["--checkpoint", "run/checkpoints/step-4"], "pylate", to: "out")
    #expect(damaged.status == 65 && damaged.complaints.joined().contains("was damaged after it was written"))
    #expect(!folder.has("out"))
    // Of a run's the newest good one is taken, and that is said.
    let older = try export(["--checkpoint", "run"], "pylate", to: "out")
    #expect(older.status == 0 && older.errors.contains("checkpoint of step 4 is not used"), "\(older.errors)")
    #expect(try folder.text(of: "out/README.md").contains("Trained for 2 steps"))
    for name in ["step-2", "step-4"] { try folder.remove("run/checkpoints/\(name)") }
    let none = try export(["--checkpoint", "run"], "pylate", to: "other")
    #expect(none.status == 64 && none.complaints.joined().contains("the run has no checkpoint yet"))
  }

  /// The model that the run began with is needed for all that the run did not train.
  @Test func theStartIsGone() throws {
    try folder.copy(fixture("tiny-pylate"), to: "model")
    try finish(["model.path=model"])
    try folder.remove("model")
    let ended = try export(["--checkpoint", "run"], "pylate", to: "out")
    #expect(ended.status == 64)
    #expect(ended.complaints.joined().contains("model.path of the run that saved run/checkpoints/step-4"))
    #expect(ended.complaints.joined().contains("there is no folder model"))
  }

  /// A share of 1 is the trained model, of 0 the start, bit for bit; between, each parameter is interpolated.
  @Test(arguments: ["all", "{top: 1}"]) func merges(part: String) throws {
    try finish(["model.train=\(part)"])
    let (start, end) = (try tensors(fixture("tiny-pylate")), try tensors("\(folder.path)/run/model"))
    #expect(start != end)
    for share in [0, 0.5, 0.75, 1] {
      let output = "merged-\(share)"
      let ended = try export(["--checkpoint", "run"], "pylate", to: output, ["--merge", "\(share)"])
      #expect(ended.status == 0, "\(ended.errors)")
      let merged = try tensors("\(folder.path)/\(output)")
      #expect(merged.keys.sorted() == end.keys.sorted())
      for (name, bits) in merged {
        let expected = zip(start[name]!, end[name]!).map { start, end in
          start == end
            ? start
            : Float((1 - share) * Double(Float(bitPattern: start)) + share * Double(Float(bitPattern: end))).bitPattern
        }
        let isExpected = bits == expected
        #expect(isExpected, "\(name) with share \(share)")
      }
      #expect(try folder.text(of: "\(output)/README.md").contains("Merged: \(share) of the trained model"))
      // The same from two folders.
      let folders = ["--merge", "\(share)", "--merge-with", fixture("tiny-pylate")]
      #expect(try export(["--model", "run/model"], "pylate", to: "folders-\(share)", folders).status == 0)
      #expect(try tensors("\(folder.path)/folders-\(share)") == merged)
    }
  }

  /// The sparse head that a unified run has trained is merged with the others, and not a copy of the start's.
  @Test func mergesAllHeads() throws {
    let bge = [
      "model.path=\(fixture("tiny-bge-m3"))", "data.train=[\(fixture("bge-m3-train.jsonl"))]", "loss.objective=unified",
      "model.train=head", "optimizer.learning_rate=1e-2",
    ]
    try finish(bge)
    #expect(try export(["--checkpoint", "run"], "flagembedding", to: "out", ["--merge", "0.5"]).status == 0)
    #expect(
      try export(
        ["--model", "run/model"], "flagembedding", to: "folders",
        ["--merge", "0.5", "--merge-with", fixture("tiny-bge-m3")]
      ).status == 0)
    for head in ["colbert_linear", "sparse_linear"] {
      func weights(_ model: String) throws -> [Float] { try openTensorFile("\(model)/\(head).pt").floats("weight") }
      let (start, end) = (try weights(fixture("tiny-bge-m3")), try weights("\(folder.path)/run/model"))
      let merged = try weights("\(folder.path)/out")
      #expect(start != end)
      let means: [Float] = zip(start, end).map { start, end in Float(0.5 * Double(start) + 0.5 * Double(end)) }
      #expect(merged == means)
      #expect(try weights("\(folder.path)/folders") == merged)
    }
  }

  /// A start without a head has nothing to merge the trained one with.
  @Test func aNewHeadIsNotMerged() throws {
    try finish([
      "model.path=\(fixture("tiny-bert"))", "model.dimension=24", "data.train=[\(fixture("tiny-bert-train.jsonl"))]",
    ])
    let ended = try export(["--checkpoint", "run"], "pylate", to: "out", ["--merge", "0"])
    #expect(ended.status == 0 && ended.errors.contains("has no ColBERT head: the trained one is not merged"))
    let (merged, end) = (try tensors("\(folder.path)/out"), try tensors("\(folder.path)/run/model"))
    #expect(merged["linear.weight"] == end["linear.weight"])
    let start = try SafetensorsFile(fixture("tiny-bert/model.safetensors"))
    let words = "embeddings.word_embeddings.weight"
    // [PAD], and the two markers, which began elsewhere than in the file.
    let width = try start.tensor("bert.\(words)").shape[1]
    func others(_ table: [UInt32]?) -> [UInt32] { Array((table ?? []).dropFirst(3 * width)) }
    let begun = others(try start.floats("bert.\(words)").map(\.bitPattern))
    #expect(others(merged[words]) == begun && others(end[words]) != begun)
  }

  @Test func onlyModelsOfOneShapeAreMerged() throws {
    let ended = try export(
      ["--model", fixture("tiny-pylate")], "pylate", to: "out",
      ["--merge", "0.5", "--merge-with", fixture("tiny-bge-m3")])
    #expect(ended.status == 64)
    #expect(ended.complaints.joined().contains("is not a model of the same shape"), "\(ended.errors)")
    #expect(!folder.has("out"))
  }
}
