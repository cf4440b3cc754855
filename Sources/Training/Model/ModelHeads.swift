import Checkpoints
import Foundation
import LateInteraction

/// A head's tensors in a file.
struct HeadFile: Sendable {
  let file: any TensorFile
  /// The head's name in the layout.
  let name: String
  /// What stands before `weight` and `bias` in the file.
  let prefix: String

  /// The name in the file of the tensor that the layout calls `name`.
  func fileName(_ name: String) -> String { prefix + name.dropFirst(self.name.count + 1) }

  func holds(_ tensor: ParameterLayout.Tensor) -> Bool { tensor.name.hasPrefix("\(name).") }
}

/// A folder's own ColBERT projection.
struct FolderHead: Sendable {
  /// The folder of the Sentence Transformers module that it is, if it is one.
  let module: String?
  let tensors: HeadFile
  let shape: HeadShape
}

extension FolderHead {
  /// The projection in a Sentence Transformers module folder such as `1_Dense`.
  init(module path: String, width: Int) throws {
    let config = try DenseConfig(folder: path)
    guard config.in_features == width else {
      throw ModelFileError(
        path: "\(path)/config.json", problem: "in_features is \(config.in_features), the encoder's width is \(width)")
    }
    module = path
    shape = HeadShape(name: "linear", width: width, dimension: config.out_features, hasBias: config.bias ?? true)
    tensors = HeadFile(file: try weightsFile(in: path), name: "linear", prefix: "linear.")
  }
}

extension FolderHead {
  /// Stanford's projection, `linear.weight` in the encoder's own file. A missing one is an error: a new one would be
  /// random.
  init(beside encoder: EncoderWeights, width: Int) throws {
    let file = encoder.file
    let weight = try file.tensor("linear.weight").shape
    guard weight.count == 2, weight[0] > 0, weight[1] == width else {
      throw ModelFileError(
        path: file.path, tensor: "linear.weight",
        problem: "has shape \(weight), expected [dimension, \(width)]: \(width) is the encoder's width")
    }
    module = nil
    shape = HeadShape(name: "linear", width: width, dimension: weight[0], hasBias: false)
    tensors = HeadFile(file: file, name: "linear", prefix: "linear.")
  }
}

/// The two heads of BGE-M3's layout, each in a file of its own: `colbert_linear` and `sparse_linear`.
struct BGEM3Heads: Sendable {
  let colbert: FolderHead
  let sparse: HeadFile

  /// The heads of a folder; nil when it has neither.
  ///
  /// One without the other is an error: FlagEmbedding then makes both up, and the first sign of it is the scores.
  init?(folder: String, width: Int) throws {
    switch (Self.file("colbert_linear", in: folder), Self.file("sparse_linear", in: folder)) {
    case (nil, nil): return nil
    case (nil, let there?): throw Self.missing("colbert_linear.pt", beside: there)
    case (let there?, nil): throw Self.missing("sparse_linear.pt", beside: there)
    case (let colbert?, let sparse?):
      let tensors = HeadFile(file: try openTensorFile(colbert), name: "colbert_linear", prefix: "")
      let weight = try tensors.file.tensor("weight").shape
      guard weight.count == 2, weight[0] > 0, weight[1] == width else {
        throw ModelFileError(
          path: colbert, tensor: "weight",
          problem: "has shape \(weight), expected [dimension, \(width)]: \(width) is the encoder's width")
      }
      self.colbert = FolderHead(
        module: nil, tensors: tensors,
        shape: HeadShape(name: tensors.name, width: width, dimension: weight[0], hasBias: true))
      self.sparse = HeadFile(file: try openTensorFile(sparse), name: "sparse_linear", prefix: "")
    }
  }

  /// What FlagEmbedding reads, else the same in safetensors.
  private static func file(_ name: String, in folder: String) -> String? {
    ["pt", "safetensors"].map { "\(folder)/\(name).\($0)" }.first(where: FileManager.default.fileExists)
  }

  private static func missing(_ name: String, beside there: String) -> ModelFileError {
    ModelFileError(
      path: there,
      problem: """
        there is no \(name) beside it, and a folder in BGE-M3's layout needs both heads; copy it from the model that \
        the folder was made from
        """)
  }
}

/// `model.safetensors` of a folder, else `pytorch_model.bin`.
func weightsFile(in folder: String) throws -> any TensorFile {
  let names = ["model.safetensors", "pytorch_model.bin"]
  guard let name = names.first(where: { FileManager.default.fileExists(atPath: "\(folder)/\($0)") }) else {
    throw ModelFileError(
      path: folder,
      problem: "has neither model.safetensors nor pytorch_model.bin; save the model in one file, with save_pretrained")
  }
  return try openTensorFile("\(folder)/\(name)")
}

/// `config.json` of a Dense module.
private struct DenseConfig: Decodable {
  let in_features: Int
  let out_features: Int
  let bias: Bool?
  let activation_function: String?
  let use_residual: Bool?
  let module_input_name: String?
  let module_output_name: String?

  init(folder: String) throws {
    let path = "\(folder)/config.json"
    self = try readJSON(path)
    if let activation = activation_function, !activation.hasSuffix("Identity") {
      throw ModelFileError(path: path, problem: "activation_function is \(activation), expected Identity")
    }
    if use_residual == true {
      throw ModelFileError(path: path, problem: "use_residual is true; a projection with a residual is not supported")
    }
    // PyLate's module reads and writes them without saying so.
    for name in [module_input_name, module_output_name] where name ?? "token_embeddings" != "token_embeddings" {
      throw ModelFileError(path: path, problem: "projects \(name!), expected token_embeddings")
    }
    guard in_features > 0, out_features > 0 else {
      throw ModelFileError(
        path: path, problem: "in_features \(in_features) and out_features \(out_features) must be positive")
    }
  }
}
