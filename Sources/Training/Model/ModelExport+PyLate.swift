import Checkpoints
import Foundation
import LateInteraction
import Tensors
import Tokenizers

extension ModelExport {
  /// The projection in `1_Dense`, and the files that say how texts are marked.
  func writePyLate(to directory: String) throws {
    let folder = loaded.folder
    let (shape, parameters) = (loaded.model.head.shape, loaded.model.parameters)
    let dense = "\(directory)/1_Dense"
    try FileManager.default.createDirectory(atPath: dense, withIntermediateDirectories: true)
    let names = ["linear.weight"] + (shape.hasBias ? ["linear.bias"] : [])
    try writeSafetensors(
      "\(dense)/model.safetensors",
      tensors: names.map { TensorToWrite($0, shape: parameters.layout[$0]!.shape, .floats(parameters.value($0))) },
      metadata: ["format": "pt"])
    if let module = folder.head?.module {
      try copy("\(module)/config.json", to: "\(dense)/config.json")
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
}
