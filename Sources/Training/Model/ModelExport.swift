import Checkpoints
import Foundation
import LateInteraction
import Tokenizers
import Tensors

/// Writes a model as a Hugging Face folder in the layout it came in; a plain encoder becomes a PyLate folder.
///
/// Every weight is in safetensors files; a source's other weight files, which would be stale, are not copied. The folder
/// appears complete or not at all.
struct ModelExport {
  let loaded: LoadedModel
  /// `README.md`, which says how the model was trained.
  let card: String

  /// Files that describe a model and are copied as they are.
  static let described = [
    "config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json",
    "added_tokens.json", "sentencepiece.bpe.model", "generation_config.json",
  ]

  /// - Precondition: one rank calls it.
  func write(to directory: String) throws {
    let files = FileManager.default
    let aside = "\(directory).tmp"
    do {
      if files.fileExists(atPath: aside) { try files.removeItem(atPath: aside) }
      try files.createDirectory(atPath: aside, withIntermediateDirectories: true)
      try writeEncoder(to: aside)
      try writeHead(to: aside)
      try Data(card.utf8).write(to: URL(fileURLWithPath: "\(aside)/README.md"))
      if files.fileExists(atPath: directory) { try files.removeItem(atPath: directory) }
      try files.moveItem(atPath: aside, toPath: directory)
    } catch {
      try? files.removeItem(atPath: aside)
      throw error
    }
  }

  private func writeEncoder(to directory: String) throws {
    let folder = loaded.folder
    for name in Self.described { try copy("\(folder.encoderPath)/\(name)", to: "\(directory)/\(name)") }
    let parameters = loaded.model.parameters
    let trained = Dictionary(
      uniqueKeysWithValues: parameters.layout.tensors.filter { $0.part != .head }
        .map { (folder.weights.fileName($0.name), $0) })
    let others = Arena()
    let file = folder.weights.file
    let tensors = try file.names.compactMap { name -> TensorToWrite? in
      if let tensor = trained[name] {
        return TensorToWrite(name, shape: tensor.shape, .floats(parameters.value(tensor.name)))
      }
      // What the encoder does not use, the pooler for one, stays as it was. Integer buffers (`position_ids`) are
      // recomputed by whoever loads the model.
      guard let info = file.info(name), info.type.isConvertible else { return nil }
      let values = others.matrix(rows: 1, columns: info.shape.reduce(1, *))
      try values.withMutableSpan { try file.copy(name, into: &$0) }
      return TensorToWrite(name, shape: info.shape, .floats(values))
    }
    try writeSafetensors("\(directory)/model.safetensors", tensors: tensors, metadata: ["format": "pt"])
  }

  private func writeHead(to directory: String) throws {
    let folder = loaded.folder
    let (shape, parameters) = (loaded.model.head.shape, loaded.model.parameters)
    let dense = "\(directory)/1_Dense"
    try FileManager.default.createDirectory(atPath: dense, withIntermediateDirectories: true)
    let names = ["linear.weight"] + (shape.hasBias ? ["linear.bias"] : [])
    try writeSafetensors(
      "\(dense)/model.safetensors",
      tensors: names.map { TensorToWrite($0, shape: parameters.layout[$0]!.shape, .floats(parameters.value($0))) },
      metadata: ["format": "pt"])
    if let head = folder.head {
      try copy("\(head.path)/config.json", to: "\(dense)/config.json")
    } else {
      try write(PyLateFiles.dense(shape), to: "\(dense)/config.json")
    }
    try write(PyLateFiles.modules, to: "\(directory)/modules.json")
    try writeConventions(to: directory)
  }

  /// `config_sentence_transformers.json` and `sentence_bert_config.json`, with the lengths that the run used.
  private func writeConventions(to directory: String) throws {
    let source = "\(loaded.folder.path)/config_sentence_transformers.json"
    let stated = loaded.folder.head == nil ? nil : FileManager.default.contents(atPath: source)
    try write(
      try PyLateFiles.conventions(loaded.input, keeping: stated), to: "\(directory)/config_sentence_transformers.json")
    try write(
      PyLateFiles.transformer(loaded.input.conventions), to: "\(directory)/sentence_bert_config.json")
  }

  private func copy(_ source: String, to target: String) throws {
    guard FileManager.default.fileExists(atPath: source) else { return }
    try FileManager.default.copyItem(atPath: source, toPath: target)
  }

  private func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  }
}
