import Checkpoints
import Foundation
package import LateInteraction
package import Tokenizers

/// A Hugging Face model folder as it lies on disk: where its encoder, tokenizer and heads are.
///
/// Plain BERT and XLM-R folders, BGE-M3's, PyLate's and Sentence Transformers' (`modules.json`) are understood.
package struct ModelFolder: Sendable {
  package let path: String
  /// Where `config.json`, the encoder's weights and the tokenizer are: `path`, or the transformer module's subfolder.
  let encoderPath: String
  package let encoder: EncoderConfiguration
  package let style: ModelStyle
  let weights: EncoderWeights
  /// The folder's own projection, if it has one.
  let head: FolderHead?
  /// BGE-M3's sparse head, if the folder has it.
  let sparseHead: HeadFile?
  /// What a reader of the log should know.
  let notices: [String]

  /// Reads and checks everything but the values of the tensors.
  ///
  /// - Parameter style: the one that is asked for; nil: what the folder says. One that contradicts the folder is an
  ///   error.
  package init(_ path: String, style asked: ModelStyle? = nil) throws {
    let modules = try ModuleList(folder: path)
    self.path = path
    encoderPath = modules.transformerPath
    let encoder = try EncoderConfiguration(configFile: "\(encoderPath)/config.json")
    self.encoder = encoder
    let bgeM3 = try BGEM3Heads(folder: path, width: encoder.width)
    let stated = try Self.statedStyle(path, modules, bgeM3)
    if let asked, let stated, asked != stated.style {
      throw UsageError(
        """
        model.style is \(asked.rawValue), but \(stated.file) makes \(path) a model of style \(stated.style.rawValue); \
        leave model.style at auto, or choose another model.path
        """)
    }
    style = stated?.style ?? asked ?? (encoder.family == .bert ? .colbert : .bgeM3)
    weights = try EncoderWeights(weightsFile(in: encoderPath))
    let dense = try modules.densePath.map { try FolderHead(module: $0, width: encoder.width) }
    head = bgeM3?.colbert ?? dense
    sparseHead = bgeM3?.sparse
    notices = bgeM3 == nil ? modules.notices : []
  }

  /// The style that the folder's own files state and the file that does; nil for a plain encoder.
  private static func statedStyle(
    _ path: String, _ modules: ModuleList, _ bgeM3: BGEM3Heads?
  ) throws -> (style: ModelStyle, file: String)? {
    let colbert = try InputConventions.colbertStatement(folder: path) ?? modules.densePath
    guard let file = bgeM3?.colbert.tensors.file.path else { return colbert.map { (.colbert, $0) } }
    if let colbert {
      throw ModelFileError(
        path: colbert,
        problem: "makes this a model of style colbert, but \(file) one of style bge-m3; remove one of the two")
    }
    return (.bgeM3, file)
  }

  /// The files that the encoder is made of.
  var encoderFiles: [String] { ["\(encoderPath)/config.json", weights.file.path] }

  /// The files that make the model what it is, whether they are there or not.
  var files: [String] {
    let heads = [head?.tensors, sparseHead].compactMap { $0?.file.path }
    return ["modules.json", "config_sentence_transformers.json", "sentence_bert_config.json", "artifact.metadata"]
      .map { "\(path)/\($0)" }
      + ModelExport.described.map { "\(encoderPath)/\($0)" }
      + (head?.module.map { ["\($0)/config.json"] } ?? []) + [weights.file.path] + heads
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
