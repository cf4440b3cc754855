import Checkpoints
import Foundation

/// `modules.json` of Sentence Transformers and PyLate; absent in a plain folder.
struct ModuleList {
  private struct Module: Decodable {
    let path: String
    let type: String
  }

  /// `config.json` of a Normalize module.
  private struct Normalization: Decodable {
    let module_input_name: String?
    let module_output_name: String?
  }

  private let file: String
  let transformerPath: String
  private(set) var densePath: String?
  /// The MultiVectorMask module, which says which tokens count.
  private(set) var maskPath: String?
  private var normalizePath: String?
  /// A single-vector model: it pools.
  private(set) var isSingleVector = false
  private(set) var notices: [String] = []

  init(folder: String) throws {
    file = "\(folder)/modules.json"
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
        isSingleVector = true
        notices.append("\(file): a single-vector model; pooling and what follows it are left out")
        return
      case "Dense" where densePath == nil: densePath = path(module)
      case "Dense": throw ModelFileError(path: file, problem: "has several Dense modules; one projection is supported")
      case "MultiVectorMask" where maskPath == nil: maskPath = path(module)
      case "Normalize": normalizePath = path(module)
      default: throw ModelFileError(path: file, problem: "the module \(module.type) is not supported")
      }
    }
  }

  /// Throws unless token vectors are brought to length 1, as they are here; PyLate does it without a module.
  func checkNormalization() throws {
    guard let normalizePath else {
      throw ModelFileError(
        path: file, problem: "has no Normalize module; only models of vectors of length 1 are supported")
    }
    let settings = "\(normalizePath)/config.json"
    guard FileManager.default.fileExists(atPath: settings) else { return }
    let normalization: Normalization = try readJSON(settings)
    let input = normalization.module_input_name ?? "sentence_embedding"
    guard input == "token_embeddings", normalization.module_output_name ?? input == input else {
      throw ModelFileError(
        path: settings, problem: "module_input_name is \(input), expected token_embeddings, in place")
    }
  }
}
