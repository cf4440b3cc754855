import Checkpoints
import Foundation
import LateInteraction
import Tensors
import Tokenizers

/// Writes a model as a folder in one of the layouts that others read.
///
/// The encoder is in one safetensors file under the names of today's `transformers`; a source's other weight files, which
/// would be stale, are not copied. The folder appears complete and on the disk, or not at all.
struct ModelExport {
  let loaded: LoadedModel
  let layout: ModelLayout
  /// `README.md`, which says how the model was trained.
  let card: String

  /// - Precondition: one rank calls it.
  func write(to directory: String) throws {
    try writeFolder(directory) { aside in
      try writeDescribed(to: aside)
      try writeEncoder(to: aside)
      switch layout {
      case .flagEmbedding: try writeFlagEmbedding(to: aside)
      case .sentenceTransformers: try writeMultiVectorEncoder(to: aside)
      case .pyLate: try writePyLate(to: aside)
      case .stanford: try replaceFile("\(aside)/artifact.metadata", with: stanfordMetadata())
      }
      try replaceFile("\(aside)/README.md", with: card)
    }
  }

  /// What describes encoder and tokenizer: copied, but for what the layout and the written type want otherwise.
  private func writeDescribed(to directory: String) throws {
    var edits: [String: (inout JSONText) throws -> Void] = ["config.json": describeWeights]
    if layout == .sentenceTransformers { edits.merge(markerEdits) { $1 } }
    if layout == .stanford { edits.merge(paddingEdits) { $1 } }
    for name in ModelLayout.described {
      let (source, target) = ("\(loaded.folder.encoderPath)/\(name)", "\(directory)/\(name)")
      let isThere = FileManager.default.fileExists(atPath: source)
      if let edit = edits[name], isThere || name == neededForMarkers {
        var text = isThere ? try JSONText(path: source) : JSONText()
        let before = text.bytes
        try edit(&text)
        if isThere && text.bytes == before {
          try copyFile(source, to: target)
        } else {
          try replaceFile(target, with: text.bytes)
        }
      } else {
        try copyFile(source, to: target)
      }
    }
  }

  /// `config.json`: the class that reads the weights, and their type, to which `transformers` would round them.
  private func describeWeights(_ text: inout JSONText) throws {
    let isStanfords = (text.value(of: "architectures") as? [String])?.contains("HF_ColBERT") == true
    if isStanfords != (layout == .stanford) {
      let plain = loaded.folder.encoder.family == .bert ? "BertModel" : "XLMRobertaModel"
      try text.set("architectures", to: [layout == .stanford ? "HF_ColBERT" : plain])
    }
    for key in ["torch_dtype", "dtype"] {
      if let type = text.value(of: key) as? String, type != "float32" { try text.set(key, to: "float32") }
    }
  }

  private func writeEncoder(to directory: String) throws {
    let (folder, parameters) = (loaded.folder, loaded.model.parameters)
    let file = folder.weights.file
    let trained = Dictionary(
      uniqueKeysWithValues: parameters.layout.tensors.filter { $0.part != .head }
        .map { (folder.weights.fileName($0.name), $0) })
    let prefix = layout != .stanford ? "" : folder.encoder.family == .bert ? "bert." : "roberta."
    let others = Arena()
    var tensors = try file.names.compactMap { name -> TensorToWrite? in
      guard let plain = folder.weights.plainName(name), !holdsHead(file, name) else { return nil }
      if let tensor = trained[name] {
        return TensorToWrite(prefix + plain, shape: tensor.shape, .floats(parameters.value(tensor.name)))
      }
      // What the encoder does not use, the pooler for one, stays as it was. A language model's head around it does
      // not: it is tied to the words, which have changed. Integer buffers (`position_ids`) are recomputed by whoever
      // loads the model.
      guard let info = file.info(name), info.type.isConvertible else { return nil }
      let values = others.matrix(rows: 1, columns: info.shape.reduce(1, *))
      try values.withMutableSpan { try file.copy(name, into: &$0) }
      return TensorToWrite(prefix + plain, shape: info.shape, .floats(values))
    }
    if layout == .stanford { tensors.append(headTensor("weight", as: "linear.weight")) }
    try withExtendedLifetime(others) {
      _ = try writeSafetensors("\(directory)/model.safetensors", tensors: tensors, metadata: ["format": "pt"])
    }
  }

  /// Whether the file's tensor `name` is the projection, as in Stanford's folders.
  private func holdsHead(_ file: any TensorFile, _ name: String) -> Bool {
    guard let head = loaded.folder.head, head.tensors.file === file else { return false }
    return ["weight", "bias"].contains { name == head.tensors.prefix + $0 }
  }
}

/// What the layouts have in common.
extension ModelExport {
  /// The projection's weight or bias under the name that a file wants.
  func headTensor(_ part: String, as name: String) -> TensorToWrite {
    let (shape, parameters) = (loaded.model.head.shape, loaded.model.parameters)
    let tensor = parameters.layout["\(shape.name).\(part)"]!
    return TensorToWrite(name, shape: tensor.shape, .floats(parameters.value(tensor.name)))
  }

  /// The projection as a module of Sentence Transformers or PyLate, with the source's own description where it is in
  /// the same layout.
  func writeDense(to directory: String, config: String) throws {
    let dense = "\(directory)/1_Dense"
    try makeFolder(dense)
    let parts = ["weight"] + (loaded.model.head.shape.hasBias ? ["bias"] : [])
    try writeSafetensors(
      "\(dense)/model.safetensors", tensors: parts.map { headTensor($0, as: "linear.\($0)") },
      metadata: ["format": "pt"])
    if loaded.folder.layout == layout, let module = loaded.folder.head?.module,
      try copyFile("\(module)/config.json", to: "\(dense)/config.json")
    {
      return
    }
    try replaceFile("\(dense)/config.json", with: config)
  }

  /// How a token is written; "" for none.
  func text(of token: Int32?) -> String { token.flatMap { loaded.input.tokenizer.token(of: $0) } ?? "" }

  /// Tokens as words of a skip list.
  func words(of ids: Set<Int32>) -> [String] { ids.sorted().map { text(of: $0) } }

  /// What a file of the source's states.
  func stated(_ name: String) -> [String: Any]? {
    FileManager.default.contents(atPath: "\(loaded.folder.path)/\(name)")
      .flatMap { try? JSONSerialization.jsonObject(with: $0) as? [String: Any] }
  }
}

/// A small JSON file as people read it, ending with a new line.
func jsonFile(_ value: Any) throws -> String {
  let data = try JSONSerialization.data(
    withJSONObject: value, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
  return String(decoding: data, as: UTF8.self) + "\n"
}
