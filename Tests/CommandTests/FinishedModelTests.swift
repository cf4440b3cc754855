import Checkpoints
import Foundation
import TestSupport
import Testing

/// The model that a run leaves: a folder in PyLate's layout that holds what was trained, and nothing else.
@Suite struct FinishedModelTests {
  private let twoSteps = ["--set", "run.steps=2"]

  @Test func isACompleteFolderOfWhatWasTrained() throws {
    let run = try ShortRun()
    // What lies in a source's folder beside its weights would contradict the new ones.
    try run.folder.copy(fixture("tiny-pylate"), to: "model")
    for stale in [
      "pytorch_model.bin", "tf_model.h5", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
      "onnx/model.onnx", "1_Dense/pytorch_model.bin",
    ] { try run.folder.write("stale", to: "model/\(stale)") }
    try run.finish(twoSteps + ["--set", "model.path=model"])

    #expect(
      run.folder.names(in: "run/model") == [
        "1_Dense", "README.md", "config.json", "config_sentence_transformers.json", "model.safetensors",
        "modules.json", "sentence_bert_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt",
      ])
    #expect(run.folder.names(in: "run/model/1_Dense") == ["config.json", "model.safetensors"])
    for name in ["config.json", "tokenizer.json", "1_Dense/config.json"] {
      #expect(try run.folder.isSame("run/model/\(name)", as: "model/\(name)"))
    }
    let modules = try JSONSerialization.jsonObject(with: run.folder.bytes(of: "run/model/modules.json"))
    #expect((modules as? [[String: Any]])?.map { $0["path"] as? String } == ["", "1_Dense"])

    let outcome = try run.outcome()
    #expect(outcome.step == 2)
    let written = try outcome.parameters(ofModel: "\(run.folder.path)/run/model")
    let isTrained = written.map(\.bitPattern) == outcome.parameters.map(\.bitPattern)
    #expect(isTrained, "the last checkpoint's, bit for bit")
    let isSource = try written == outcome.parameters(ofModel: "\(run.folder.path)/model")
    #expect(!isSource)
    // The same tensors as the source's, also what the encoder does not use; norms under their names of today.
    for file in ["model.safetensors", "1_Dense/model.safetensors"] {
      let here = try SafetensorsFile("\(run.folder.path)/run/model/\(file)")
      let there = try SafetensorsFile(fixture("tiny-pylate/\(file)"))
      func todays(_ name: String) -> String {
        name.replacing("LayerNorm.gamma", with: "LayerNorm.weight").replacing("LayerNorm.beta", with: "LayerNorm.bias")
      }
      #expect(here.names == there.names.map(todays).sorted())
      #expect(there.names.allSatisfy { here.info(todays($0))?.shape == there.info($0)?.shape })
    }
  }

  /// The finished model, trained a bit more at a rate of next to nothing, says what it said before: what is read is what
  /// was written. And it says the same through every command.
  @Test func isReadAsItWasWritten() throws {
    let run = try ShortRun()
    try run.finish(twoSteps)
    try run.folder.write("{\"text\": \"library for table layouts\"}\n", to: "texts.jsonl")
    func encode(_ model: String, to output: String) throws {
      let arguments = ["encode", "--model", model, "--role", "document", "--input", "texts.jsonl", "--output", output]
      let ended = try Command.colbert(arguments, in: run.folder.path)
      try #require(ended.status == 0, "\(ended.errors)")
    }
    try encode("run/model", to: "trained")
    try encode(fixture("tiny-pylate"), to: "source")
    #expect(try !run.folder.isSame("trained", as: "source"))

    let again = [
      "--set", "model.path=run/model", "--set", "run.directory=again", "--set", "optimizer.learning_rate=1e-30",
    ]
    try run.finish(again + twoSteps)
    try encode("again/model", to: "again/vectors")
    #expect(try run.folder.isSame("again/vectors", as: "trained"))
    #expect(try run.folder.isSame("again/model/model.safetensors", as: "run/model/model.safetensors"))
  }

  /// A plain BERT becomes a PyLate folder: the conventions it was trained with are the ones it is used with.
  @Test(arguments: [nil, 2]) func aPlainEncoderBecomesAColBERT(ranks: Int?) throws {
    let run = try ShortRun()
    let plain = fixture("tiny-bert")
    let settings = [
      "model.path=\(plain)", "model.dimension=24", "data.train=[\(fixture("tiny-bert-train.jsonl"))]",
      "data.query_max_length=12", "data.document_max_length=20",
    ]
    let ended = try run.finish(twoSteps + settings.flatMap { ["--set", $0] }, ranks: ranks)
    #expect(ended.errors.contains("vectors of 24 from a new head, seed 42"))
    #expect(try run.outcome().tensors.last?.shape == [24, 40])

    let lines = try String(contentsOfFile: fixture("tiny-bert-train.jsonl"), encoding: .utf8)
    try run.folder.write(
      lines.split(separator: "\n").map { $0.replacing("\"query\"", with: "\"text\"") + "\n" }.joined(),
      to: "texts.jsonl")
    for (role, length) in [("query", "12"), ("document", "20")] {
      func ids(_ model: String, _ arguments: [String] = []) throws -> String {
        let text = ["tokenize", "--model", model, "--role", role, "--input", "texts.jsonl"]
        let ended = try Command.colbert(text + arguments, in: run.folder.path)
        #expect(ended.status == 0)
        return ended.output
      }
      #expect(try ids("run/model") == ids(plain, ["--max-length", length]))
      #expect(try ids("run/model") != ids(plain))

      let encode = ["encode", "--model", "run/model", "--role", role, "--input", "texts.jsonl", "--output", "x"]
      #expect(try Command.colbert(encode, in: run.folder.path).status == 0)
      let vectors = try SafetensorsFile("\(run.folder.path)/x").tensor("vectors")
      #expect(vectors.shape[1] == 24)
    }
  }
}
