import Checkpoints
import Foundation
import LateInteraction
import Tensors
import Tokenizers

extension ModelExport {
  /// The two heads in files of their own, and the Sentence Transformers files that the source has.
  func writeBGEM3(to directory: String) throws {
    try writeHead("colbert_linear", to: directory)
    try writeSparseHead(to: directory)
    try writeSentenceTransformersFiles(to: directory)
  }

  /// A sparse head that the run did not change stays the file that it was. A model without one gets a zero one, which
  /// weighs no token: FlagEmbedding makes up both heads, silently, when one of the files is missing.
  private func writeSparseHead(to directory: String) throws {
    let name = "sparse_linear"
    guard let source = loaded.folder.sparseHead else {
      let arena = Arena()
      let zeros = arena.zeros(rows: 1, columns: loaded.folder.encoder.width)
      return try withExtendedLifetime(arena) {
        try writeTensors(
          [("weight", [1, zeros.count], zeros), ("bias", [1], arena.zeros(rows: 1, columns: 1))],
          to: "\(directory)/\(name)")
      }
    }
    if loaded.model.parameters.layout["\(name).weight"]?.isReached == true || !source.file.path.hasSuffix(".pt") {
      try writeHead(name, to: directory)
    } else {
      try copy(source.file.path, to: "\(directory)/\(name).pt")
    }
  }

  private func writeHead(_ name: String, to directory: String) throws {
    let parameters = loaded.model.parameters
    let tensors = ["weight", "bias"].map { part in
      (part, parameters.layout["\(name).\(part)"]!.shape, parameters.value("\(name).\(part)"))
    }
    try writeTensors(tensors, to: "\(directory)/\(name)")
  }

  private func writeTensors(_ tensors: [(name: String, shape: [Int], values: Matrix)], to path: String) throws {
    try writePyTorchFile(
      "\(path).pt", tensors: tensors.map { TensorToWrite($0.name, shape: $0.shape, .floats($0.values)) })
  }

  /// They describe the dense vectors; the lengths that the run used are put beside them.
  private func writeSentenceTransformersFiles(to directory: String) throws {
    let folder = loaded.folder
    // The encoder is written to the root, which modules.json would contradict if it was elsewhere.
    if folder.encoderPath == folder.path {
      for name in ["modules.json", "sentence_bert_config.json"] {
        try copy("\(folder.path)/\(name)", to: "\(directory)/\(name)")
      }
      let pooling = "\(folder.path)/1_Pooling/config.json"
      if FileManager.default.fileExists(atPath: pooling) {
        try FileManager.default.createDirectory(
          atPath: "\(directory)/1_Pooling", withIntermediateDirectories: true)
        try copy(pooling, to: "\(directory)/1_Pooling/config.json")
      }
    }
    let settings = "config_sentence_transformers.json"
    try write(
      try PyLateFiles.lengths(
        loaded.input.conventions, keeping: FileManager.default.contents(atPath: "\(folder.path)/\(settings)")),
      to: "\(directory)/\(settings)")
  }
}
