import Checkpoints
import Foundation
import LateInteraction
import Tokenizers
import Tensors

/// Writes a model as a Hugging Face folder in the layout of its style: BGE-M3's or PyLate's.
///
/// The encoder is in a safetensors file; a source's other weight files, which would be stale, are not copied. The folder
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
      switch loaded.folder.style {
      case .bgeM3: try writeBGEM3(to: aside)
      case .colbert: try writePyLate(to: aside)
      }
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
      // What the encoder does not use, the pooler for one, stays as it was. A language model's head around it does
      // not: it is tied to the words, which have changed. Integer buffers (`position_ids`) are recomputed by whoever
      // loads the model.
      guard folder.weights.isEncoders(name), let info = file.info(name), info.type.isConvertible else { return nil }
      let values = others.matrix(rows: 1, columns: info.shape.reduce(1, *))
      try values.withMutableSpan { try file.copy(name, into: &$0) }
      return TensorToWrite(name, shape: info.shape, .floats(values))
    }
    try withExtendedLifetime(others) {
      _ = try writeSafetensors("\(directory)/model.safetensors", tensors: tensors, metadata: ["format": "pt"])
    }
  }

  func copy(_ source: String, to target: String) throws {
    guard FileManager.default.fileExists(atPath: source) else { return }
    try FileManager.default.copyItem(atPath: source, toPath: target)
  }

  func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  }
}
