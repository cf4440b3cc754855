import Foundation
import LateInteraction
import TestSupport
import Tensors
import Testing
import Tokenizers

@testable import Training

/// The layouts that folders are read from.
@Suite struct ModelLayoutTests {
  private func withExport<Result>(
    _ model: String, _ layout: ModelLayout, _ body: (String) throws -> Result
  ) throws -> Result {
    try withFolder { folder in
      let path = "\(folder)/model"
      try ModelExport(loaded: load(fixture(model)), layout: layout, card: "").write(to: path)
      return try body(path)
    }
  }

  private func load(_ path: String) throws -> LoadedModel {
    try LoadedModel(ModelSettings(path: path), trains: false, on: ThreadPool(threadCount: 1))
  }

  private func complaint(_ folder: String, _ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)".replacing(folder, with: "model") }
    return "no complaint"
  }

  private func change(_ file: String, _ old: String, by new: String) throws {
    let text = try String(contentsOfFile: file, encoding: .utf8)
    try #require(text.contains(old))
    try Data(text.replacing(old, with: new).utf8).write(to: URL(fileURLWithPath: file))
  }

  @Test(arguments: [
    ("tiny-bge-m3", ModelLayout.flagEmbedding, ModelStyle.bgeM3), ("tiny-bge-m3", .sentenceTransformers, .bgeM3),
    ("tiny-pylate", .sentenceTransformers, .colbert), ("tiny-pylate", .pyLate, .colbert),
    ("tiny-pylate", .stanford, .colbert),
  ])
  func areToldApart(model: String, layout: ModelLayout, style: ModelStyle) throws {
    try withExport(model, layout) { path in
      let loaded = try load(path)
      #expect(loaded.folder.layout == layout && loaded.ownLayout == layout && loaded.folder.style == style)
      #expect(loaded.model.reduction == (style == .bgeM3 ? .mean : .sum))
      #expect(loaded.model.head.shape.hasBias == (style == .bgeM3))
      #expect(!loaded.hasNewHead && loaded.losses(in: layout) == [])
      let source = try load(fixture(model)).input.conventions
      let (room, lengths) = (loaded.input.conventions, [source.queryMaxLength, source.documentMaxLength])
      #expect([room.queryMaxLength, room.documentMaxLength] == lengths)
      #expect(try ModelFolder(path).files.filter { FileManager.default.fileExists(atPath: $0) }.count >= 6)
    }
    #expect(try ModelFolder(fixture("tiny-bert")).layout == nil)
  }

  /// Stanford's folder is known by either of its two signs, and its projection must be there.
  @Test func stanfordsSigns() throws {
    try withExport("tiny-pylate", .stanford) { path in
      try change("\(path)/config.json", "HF_ColBERT", by: "BertModel")
      #expect(try ModelFolder(path).layout == .stanford)
      try change("\(path)/config.json", "BertModel", by: "HF_ColBERT")
      // Without its metadata the markers are the default ones, which this vocabulary has not.
      try FileManager.default.removeItem(atPath: "\(path)/artifact.metadata")
      #expect(try ModelFolder(path).layout == .stanford)
      #expect(complaint(path) { _ = try load(path) }.contains("[unused0]"))
      try FileManager.default.removeItem(atPath: "\(path)/model.safetensors")
      try FileManager.default.copyItem(
        atPath: fixture("tiny-pylate/model.safetensors"), toPath: "\(path)/model.safetensors")
      #expect(
        complaint(path) { _ = try load(path) }.hasPrefix("model/model.safetensors: tensor linear.weight: is missing"))
    }
  }

  @Test(
    arguments: [
      ("modules.json", "MultiVectorMask\"", "TokenPooling\"", "TokenPooling is not supported"),
      ("modules.json", "modules.normalize.Normalize", "modules.dense.Dense", "several Dense modules"),
      ("modules.json", "3_Normalize", "nowhere", "no complaint"),
      ("3_Normalize/config.json", "token_embeddings", "sentence_embedding", "expected token_embeddings, in place"),
      ("1_Dense/config.json", "token_embeddings", "sentence_embedding", "projects sentence_embedding"),
      ("config_sentence_transformers.json", "maxsim", "xtr", "similarity_fn_name is \"xtr\""),
    ])
  func sentenceTransformersModules(file: String, old: String, new: String, expected: String) throws {
    try withExport("tiny-pylate", .sentenceTransformers) { path in
      try change("\(path)/\(file)", old, by: new)
      let said = complaint(path) { _ = try load(path) }
      #expect(said.contains(expected), "\(said)")
    }
  }

  /// Text around a member that is replaced or added stays byte for byte, canonically equivalent keys too.
  @Test func jsonTextKeepsTheRest() throws {
    let text = "{\n \"a\\\"b\" : [1, {\"c\": \"}]\\\\\"}],\"\u{212B}\":1 ,\"\u{C5}\":2,\"n\": -1.5e3 , \"o\":{} }\n"
    try withFolder(["x.json": text, "empty.json": " { } ", "bad.json": "{\"a\": ", "list.json": "[]"]) { folder in
      var json = try JSONText(path: "\(folder)/x.json")
      #expect(json.text(of: "n") == "-1.5e3" && json.text(of: "o") == "{}" && json.text(of: "c") == nil)
      #expect(json.value(of: "\u{C5}") as? Int == 2)
      try json.set("n", to: ["x", "/"])
      try json.set("\u{C5}", to: NSNull())
      let expected = text.replacing("-1.5e3", with: #"["x","/"]"#).replacing("\"\u{C5}\":2", with: "\"\u{C5}\":null")
      #expect(json.bytes == Array(expected.utf8))
      try json.set("new", to: true)
      #expect(
        json.bytes == Array(expected.utf8.prefix(1)) + Array("\n  \"new\": true,".utf8)
          + Array(expected.utf8.dropFirst()))
      var empty = try JSONText(path: "\(folder)/empty.json")
      try empty.set("a", to: "b")
      #expect(empty.value(of: "a") as? String == "b")
      #expect(try JSONParser.parse(empty.bytes).isObject)
      for name in ["bad.json", "list.json"] {
        #expect(complaint(folder) { _ = try JSONText(path: "\(folder)/\(name)") } == "model/\(name): is no JSON object")
      }
    }
  }
}

extension JSONValue {
  fileprivate var isObject: Bool { if case .object = self { true } else { false } }
}
