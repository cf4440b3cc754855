import Checkpoints
import Foundation
import TestSupport
import Testing

/// A folder in BGE-M3's layout through the commands: what is written is what was read and trained.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct BGEM3Tests {
  private let run: ShortRun
  private var folder: TemporaryFolder { run.folder }

  private static let heads = ["colbert_linear", "sparse_linear"]

  init() throws {
    run = try ShortRun()
    try folder.copy(fixture("tiny-bge-m3"), to: "model")
    try folder.write("{\"text\": \"library for table layouts\"}\n{\"text\": \"\"}\n", to: "texts.jsonl")
  }

  private func settings(_ values: [String]) -> [String] {
    (["model.path=model", "data.train=[\(fixture("bge-m3-train.jsonl"))]", "run.steps=2"] + values)
      .flatMap { ["--set", $0] }
  }

  private func encode(_ model: String, to output: String) throws -> SafetensorsFile {
    let arguments = ["encode", "--model", model, "--role", "document", "--input", "texts.jsonl", "--output", output]
    let ended = try Command.colbert(arguments, in: folder.path)
    try #require(ended.status == 0, "\(ended.errors)")
    return try SafetensorsFile("\(folder.path)/\(output)")
  }

  /// The gradient of the first batch, under the names and with the zeros of the reference's file.
  @Test(arguments: [nil, 2]) func gradientsAreTheReferences(ranks: Int?) throws {
    let golden = try SafetensorsFile(fixture("bge-m3-grad-infonce.safetensors"))
    let exact = settings([
      "batch.queries=12", "data.shuffle=false", "model.dropout=0", "loss.temperature=0.05", "data.query_max_length=24",
      "data.document_max_length=64",
    ])
    let ended = try Command.colbert(
      ["gradients", "run.yaml", "--output", "gradients"] + exact, ranks: ranks, in: folder.path)
    try #require(ended.status == 0, "\(ended.errors)")
    let file = try SafetensorsFile("\(folder.path)/gradients")
    #expect(file.names == golden.names)
    #expect(file.names.map { file.info($0)?.shape } == golden.names.map { golden.info($0)?.shape })
    #expect(
      relativeError(try file.names.flatMap(file.floats), try golden.names.flatMap(golden.floats)) < 5e-6)
  }

  /// What was trained is in the files, what was not is as it was; trained on at a rate of next to nothing, the model
  /// says what it said.
  @Test func staysInItsLayout() throws {
    let pooling = #"{"word_embedding_dimension": 64, "pooling_mode_cls_token": true}"#
    let modules = """
      [{"path": "", "type": "sentence_transformers.models.Transformer"},
       {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
      """
    try folder.write(pooling, to: "model/1_Pooling/config.json")
    try folder.write(modules, to: "model/modules.json")
    let ended = try run.finish(settings(["data.document_max_length=40", "optimizer.decay=all"]))
    #expect(!ended.errors.contains("single-vector"))
    #expect(
      folder.names(in: "run/model") == [
        "1_Pooling", "README.md", "colbert_linear.pt", "config.json", "config_sentence_transformers.json",
        "model.safetensors", "modules.json", "sentence_bert_config.json", "sentencepiece.bpe.model",
        "sparse_linear.pt", "tokenizer_config.json",
      ])
    for name in ["config.json", "modules.json", "1_Pooling/config.json", "sentencepiece.bpe.model", "sparse_linear.pt"]
    {
      #expect(try folder.isSame("run/model/\(name)", as: "model/\(name)"), "\(name)")
    }
    #expect(try folder.text(of: "run/model/README.md").contains("the mean over query tokens"))
    #expect(try folder.text(of: "run/model/README.md").contains("temperature 0.02."))

    let checkpoint = try run.checkpoint()
    let parameters = try checkpoint.floats("parameters")
    for tensor in checkpoint.tensors {
      let written = try floats(tensor.name, ofModel: "run/model")
      #expect(written.map(\.bitPattern) == parameters[tensor.range].map(\.bitPattern), "\(tensor.name)")
      // Rows of words that no text has decay too; what the objective does not reach does not.
      let isSource = try written == floats(tensor.name, ofModel: "model")
      #expect(isSource == tensor.name.hasPrefix("sparse_linear."), "\(tensor.name)")
    }

    let again = [
      "model.path=run/model", "run.directory=again", "optimizer.learning_rate=1e-30", "data.document_max_length=40",
    ]
    let trained = try encode("run/model", to: "trained")
    #expect(try trained.floats("vectors") != encode("model", to: "source").floats("vectors"))
    try run.finish(settings(again))
    _ = try encode("again/model", to: "again/vectors")
    #expect(try folder.isSame("again/vectors", as: "trained"))
    for name in folder.names(in: "run/model") where !["README.md", "1_Pooling"].contains(name) {
      #expect(try folder.isSame("again/model/\(name)", as: "run/model/\(name)"), "\(name)")
    }
    // The lengths of the run are those of its model.
    try folder.write("{\"text\": \"\(String(repeating: "library ", count: 90))\"}\n", to: "texts.jsonl")
    #expect(try encode("run/model", to: "long").tensor("vectors").shape[0] == 39)
  }

  /// All tokens but the first give vectors, also of an empty text: `</s>` is one.
  @Test func theFirstTokenGivesNoVector() throws {
    let vectors = try encode("model", to: "vectors")
    let tokens = try Command.colbert(
      ["tokenize", "--model", "model", "--role", "document", "--input", "texts.jsonl"], in: folder.path)
    let ids = try tokens.output.split(separator: "\n").map { try JSONDecoder().decode([Int].self, from: Data($0.utf8)) }
    #expect(ids.count == 2 && ids[1] == [0, 2])
    #expect(try vectors.tensor("vectors").shape == [ids[0].count, 64])
  }

  /// A BERT that is trained in BGE-M3's style leaves a folder of its layout. The sparse head, which it has none of,
  /// weighs nothing there: FlagEmbedding would make up both if one was missing.
  @Test func aPlainBERTCanBecomeOne() throws {
    let ended = try run.finish(
      settings(["model.path=\(fixture("tiny-bert"))", "model.style=bge-m3", "model.dimension=24"]))
    #expect(ended.errors.contains("vectors of 24 from a new head, seed 42"))
    #expect(try openTensorFile("\(folder.path)/run/model/colbert_linear.pt").tensor("weight").shape == [24, 40])
    #expect(try floats("sparse_linear.weight", ofModel: "run/model") == [Float](repeating: 0, count: 40))
    #expect(try floats("sparse_linear.bias", ofModel: "run/model") == [0])
    #expect(try encode("run/model", to: "vectors").tensor("vectors").shape[1] == 24)
    let again = try run.train(settings(["model.path=run/model", "model.style=colbert", "run.directory=other"]))
    #expect(again.status == 64)
    #expect(again.complaints.joined().contains("model.style is colbert, but run/model/colbert_linear.pt makes"))
  }

  /// A tensor of a folder in BGE-M3's layout, by the layout's name.
  private func floats(_ name: String, ofModel model: String) throws -> [Float] {
    let head = Self.heads.first { name.hasPrefix("\($0).") }
    let file = try openTensorFile("\(folder.path)/\(model)/\(head.map { "\($0).pt" } ?? "model.safetensors")")
    return try file.floats(head.map { String(name.dropFirst($0.count + 1)) } ?? name)
  }
}
