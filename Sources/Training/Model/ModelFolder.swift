import Checkpoints
import Foundation
package import LateInteraction

/// A Hugging Face model folder as it lies on disk: where its encoder, tokenizer and head are.
///
/// Plain BERT folders, PyLate's and Sentence Transformers' (`modules.json`) are understood.
package struct ModelFolder: Sendable {
  package let path: String
  /// Where `config.json`, the encoder's weights and the tokenizer are: `path`, or the transformer module's subfolder.
  let encoderPath: String
  package let encoder: EncoderConfiguration
  let weights: EncoderWeights
  /// The folder's own projection, if it has one.
  let head: FolderHead?
  /// What a reader of the log should know.
  let notices: [String]

  /// Reads and checks everything but the values of the tensors.
  package init(_ path: String) throws {
    let modules = try ModuleList(folder: path)
    self.path = path
    encoderPath = modules.transformerPath
    let encoder = try EncoderConfiguration(configFile: "\(encoderPath)/config.json")
    guard FileManager.default.fileExists(atPath: "\(encoderPath)/model.safetensors") else {
      throw ModelFileError(
        path: encoderPath,
        problem: "has no model.safetensors; save the model with save_pretrained(safe_serialization=True)")
    }
    self.encoder = encoder
    weights = try EncoderWeights("\(encoderPath)/model.safetensors")
    head = try modules.densePath.map { try FolderHead($0, width: encoder.width) }
    notices = modules.notices
  }

  /// The files that make the model what it is, whether they are there or not.
  var files: [String] {
    ["modules.json", "config_sentence_transformers.json", "sentence_bert_config.json", "artifact.metadata"]
      .map { "\(path)/\($0)" }
      + ModelExport.described.map { "\(encoderPath)/\($0)" } + [weights.file.path]
      + (head.map { ["\($0.path)/config.json", $0.file.path] } ?? [])
  }
}

/// A ColBERT projection in a Sentence Transformers module folder such as `1_Dense`.
struct FolderHead: Sendable {
  let path: String
  let file: SafetensorsFile
  let shape: HeadShape

  init(_ path: String, width: Int) throws {
    let config = try DenseConfig(folder: path)
    guard config.in_features == width else {
      throw ModelFileError(
        path: "\(path)/config.json", problem: "in_features is \(config.in_features), the encoder's width is \(width)")
    }
    self.path = path
    shape = HeadShape(name: "linear", width: width, dimension: config.out_features, hasBias: config.bias ?? true)
    file = try SafetensorsFile("\(path)/model.safetensors")
  }
}

/// `config.json` of a Dense module.
private struct DenseConfig: Decodable {
  let in_features: Int
  let out_features: Int
  let bias: Bool?
  let activation_function: String?
  let use_residual: Bool?

  init(folder: String) throws {
    let path = "\(folder)/config.json"
    self = try readJSON(path)
    if let activation = activation_function, !activation.hasSuffix("Identity") {
      throw ModelFileError(path: path, problem: "activation_function is \(activation), expected Identity")
    }
    if use_residual == true {
      throw ModelFileError(path: path, problem: "use_residual is true; a projection with a residual is not supported")
    }
    guard in_features > 0, out_features > 0 else {
      throw ModelFileError(
        path: path, problem: "in_features \(in_features) and out_features \(out_features) must be positive")
    }
  }
}

/// `modules.json` of Sentence Transformers and PyLate; absent in a plain folder.
private struct ModuleList {
  private struct Module: Decodable {
    let path: String
    let type: String
  }

  let transformerPath: String
  private(set) var densePath: String?
  private(set) var notices: [String] = []

  init(folder: String) throws {
    let file = "\(folder)/modules.json"
    guard FileManager.default.fileExists(atPath: file) else {
      transformerPath = folder
      return
    }
    let modules: [Module] = try readJSON(file)
    func path(_ module: Module) -> String { module.path.isEmpty ? folder : "\(folder)/\(module.path)" }
    guard let first = modules.first, first.type.hasSuffix("Transformer") else {
      throw ModelFileError(
        path: file, problem: "the first module is \(modules.first?.type ?? "missing"), expected a Transformer")
    }
    transformerPath = path(first)
    for module in modules.dropFirst() {
      switch module.type.split(separator: ".").last {
      case "Pooling":
        // A single-vector model: its encoder is what is wanted, what comes after the pooling is not.
        notices.append("\(file): a single-vector model; pooling and what follows it are left out")
        return
      case "Dense" where densePath == nil: densePath = path(module)
      case "Dense": throw ModelFileError(path: file, problem: "has several Dense modules; one projection is supported")
      case "Normalize": continue
      default: throw ModelFileError(path: file, problem: "the module \(module.type) is not supported")
      }
    }
  }
}

/// Decodes a small JSON file; any fault is a `ModelFileError` that names it.
func readJSON<Value: Decodable>(_ path: String) throws -> Value {
  do {
    return try JSONDecoder().decode(Value.self, from: try Data(contentsOf: URL(fileURLWithPath: path)))
  } catch let error as DecodingError {
    throw ModelFileError(path: path, problem: error.explanation)
  } catch {
    throw ModelFileError(path: path, problem: "cannot be read; is this a complete model folder?")
  }
}
