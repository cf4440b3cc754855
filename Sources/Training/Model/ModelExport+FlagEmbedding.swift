import Checkpoints
import Foundation
import LateInteraction
import Tensors
import Tokenizers

extension ModelExport {
  /// The two heads in files of their own, and the Sentence Transformers files, which describe the dense vectors.
  func writeFlagEmbedding(to directory: String) throws {
    try writeColBERTHead(to: "\(directory)/colbert_linear.pt")
    try writeSparseHead(to: "\(directory)/sparse_linear.pt")
    try writeDenseVectorFiles(to: directory)
  }

  /// FlagEmbedding's projection has a bias: of a model without one it is zero.
  private func writeColBERTHead(to path: String) throws {
    let shape = loaded.model.head.shape
    let arena = Arena()
    try withExtendedLifetime(arena) {
      let bias =
        shape.hasBias
        ? headTensor("bias", as: "bias")
        : TensorToWrite("bias", shape: [shape.dimension], .floats(arena.zeros(rows: 1, columns: shape.dimension)))
      _ = try writePyTorchFile(path, tensors: [headTensor("weight", as: "weight"), bias])
    }
  }

  /// A sparse head that did not change stays the file that it was. A model without one gets a zero one, which weighs no
  /// token: FlagEmbedding makes up both heads, silently, when one of the files is missing.
  private func writeSparseHead(to path: String) throws {
    let (width, parameters) = (loaded.folder.encoder.width, loaded.model.parameters)
    let source = loaded.folder.sparseHead
    if let source, source.file.path.hasSuffix(".pt"), try holds(source, parameters) {
      try copyFile(source.file.path, to: path)
      return
    }
    let arena = Arena()
    let values =
      source == nil
      ? [arena.zeros(rows: 1, columns: width), arena.zeros(rows: 1, columns: 1)]
      : ["weight", "bias"].map { parameters.value("\(SparseHead.name).\($0)") }
    try withExtendedLifetime(arena) {
      _ = try writePyTorchFile(
        path,
        tensors: [
          TensorToWrite("weight", shape: [1, width], .floats(values[0])),
          TensorToWrite("bias", shape: [1], .floats(values[1])),
        ])
    }
  }

  /// Whether a head's file holds what the parameters are.
  private func holds(_ head: HeadFile, _ parameters: Parameters) throws -> Bool {
    let arena = Arena()
    return try withExtendedLifetime(arena) {
      try ["weight", "bias"].allSatisfy { part in
        let now = parameters.value("\(head.name).\(part)")
        let stored = arena.matrix(rows: now.rows, columns: now.columns)
        try stored.withMutableSpan { try head.file.copy(head.prefix + part, into: &$0) }
        return stored.values == now.values
      }
    }
  }

  /// The source's own, and what it lacks as BGE-M3 has it; the lengths that the run used are put beside them.
  private func writeDenseVectorFiles(to directory: String) throws {
    let folder = loaded.folder
    // The encoder is written to the root, which a modules.json that has it elsewhere would contradict.
    let hasOwn = folder.isSingleVector && folder.encoderPath == folder.path
    func write(_ name: String, _ text: String) throws {
      if hasOwn, try copyFile("\(folder.path)/\(name)", to: "\(directory)/\(name)") { return }
      try replaceFile("\(directory)/\(name)", with: text)
    }
    try write("modules.json", DenseVectorFiles.modules)
    try write("sentence_bert_config.json", DenseVectorFiles.transformer(folder.encoder))
    let modules = try String(contentsOfFile: "\(directory)/modules.json", encoding: .utf8)
    for (module, config) in [
      ("1_Pooling", DenseVectorFiles.pooling(folder.encoder)), ("2_Normalize", DenseVectorFiles.normalize),
    ] where modules.contains(module) {
      try makeFolder("\(directory)/\(module)")
      try write("\(module)/config.json", config)
    }
    let name = "config_sentence_transformers.json"
    let describesDense = folder.layout == .flagEmbedding || folder.layout == nil
    var settings = (describesDense ? stated(name) : nil) ?? ["similarity_fn_name": "cosine"]
    settings["query_length"] = loaded.input.conventions.queryMaxLength
    settings["document_length"] = loaded.input.conventions.documentMaxLength
    try replaceFile("\(directory)/\(name)", with: jsonFile(settings))
  }
}

/// The small JSON files by which Sentence Transformers makes BGE-M3's dense vectors: those of BAAI/bge-m3.
enum DenseVectorFiles {
  static let modules = """
    [
      {
        "idx": 0,
        "name": "0",
        "path": "",
        "type": "sentence_transformers.models.Transformer"
      },
      {
        "idx": 1,
        "name": "1",
        "path": "1_Pooling",
        "type": "sentence_transformers.models.Pooling"
      },
      {
        "idx": 2,
        "name": "2",
        "path": "2_Normalize",
        "type": "sentence_transformers.models.Normalize"
      }
    ]

    """

  static let normalize = "{}\n"

  static func transformer(_ encoder: EncoderConfiguration) -> String {
    """
    {
        "max_seq_length": \(encoder.longestText),
        "do_lower_case": false
    }

    """
  }

  /// The vector of the first token.
  static func pooling(_ encoder: EncoderConfiguration) -> String {
    """
    {
        "word_embedding_dimension": \(encoder.width),
        "pooling_mode_cls_token": true,
        "pooling_mode_mean_tokens": false,
        "pooling_mode_max_tokens": false,
        "pooling_mode_mean_sqrt_len_tokens": false
    }

    """
  }
}
