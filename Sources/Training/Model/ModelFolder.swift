import Checkpoints
import Foundation
package import LateInteraction
package import Tokenizers

/// A Hugging Face model folder as it lies on disk: where its encoder, tokenizer and heads are.
///
/// Plain BERT and XLM-R folders and the layouts of `ModelLayout` are understood.
package struct ModelFolder: Sendable {
  package let path: String
  /// Where `config.json`, the encoder's weights and the tokenizer are: `path`, or the transformer module's subfolder.
  let encoderPath: String
  package let encoder: EncoderConfiguration
  package let style: ModelStyle
  /// The layout that the folder has; nil: a plain encoder's, or a single-vector model's.
  package let layout: ModelLayout?
  /// The folder of the MultiVectorMask module of Sentence Transformers, if there is one.
  let maskPath: String?
  /// `modules.json` describes the single vector of a text.
  let isSingleVector: Bool
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
    let configuration = "\(encoderPath)/config.json"
    let encoder = try EncoderConfiguration(configFile: configuration)
    self.encoder = encoder
    let bgeM3 = try BGEM3Heads(folder: path, width: encoder.width)
    let layout = try Self.layout(path, modules, bgeM3, configuration: configuration)
    let stated = try Self.statedStyle(path, layout?.layout, file: layout?.file)
    if let asked, let stated, asked != stated.style {
      throw UsageError(
        """
        model.style is \(asked.rawValue), but \(stated.file) makes \(path) a model of style \(stated.style.rawValue); \
        leave model.style at auto, or choose another model.path
        """)
    }
    style = stated?.style ?? asked ?? (encoder.family == .bert ? .colbert : .bgeM3)
    self.layout = layout?.layout
    maskPath = modules.maskPath
    isSingleVector = modules.isSingleVector
    weights = try EncoderWeights(weightsFile(in: encoderPath))
    if let bgeM3 {
      head = bgeM3.colbert
    } else if let dense = modules.densePath {
      head = try FolderHead(module: dense, width: encoder.width)
    } else {
      head = layout?.layout == .stanford ? try FolderHead(beside: weights, width: encoder.width) : nil
    }
    sparseHead = bgeM3?.sparse
    if layout?.layout == .sentenceTransformers { try modules.checkNormalization() }
    notices = bgeM3 == nil ? modules.notices : []
  }

  /// The layout, and the file that shows it; two at once are an error.
  private static func layout(
    _ path: String, _ modules: ModuleList, _ bgeM3: BGEM3Heads?, configuration: String
  ) throws -> (layout: ModelLayout, file: String)? {
    var signs: [(layout: ModelLayout, file: String)] = []
    if let file = bgeM3?.colbert.tensors.file.path { signs.append((.flagEmbedding, file)) }
    if let file = try InputConventions.multiVectorEncoderStatement(folder: path) ?? modules.maskPath {
      signs.append((.sentenceTransformers, file))
    } else if let file = try InputConventions.pyLateStatement(folder: path) ?? modules.densePath {
      signs.append((.pyLate, file))
    } else if let file = try InputConventions.stanfordStatement(folder: path) ?? stanfordArchitecture(configuration) {
      signs.append((.stanford, file))
    }
    if signs.count > 1 {
      throw ModelFileError(
        path: signs[1].file,
        problem: """
          makes this a model of style colbert, but \(signs[0].file) one of style bge-m3; remove one of the two
          """)
    }
    return signs.first
  }

  /// `config.json` if it names Stanford's class.
  private static func stanfordArchitecture(_ configuration: String) throws -> String? {
    struct Architectures: Decodable { let architectures: [String]? }
    let names: Architectures = try readJSON(configuration)
    return names.architectures?.contains("HF_ColBERT") == true ? configuration : nil
  }

  /// The style that the folder's own files state and the file that does; nil for a plain encoder.
  private static func statedStyle(
    _ path: String, _ layout: ModelLayout?, file: String?
  ) throws -> (style: ModelStyle, file: String)? {
    guard let layout, let file else { return nil }
    switch layout {
    case .flagEmbedding: return (.bgeM3, file)
    case .sentenceTransformers:
      return (try InputConventions.multiVectorEncoderTakesMeans(folder: path) ? .bgeM3 : .colbert, file)
    case .pyLate, .stanford: return (.colbert, file)
    }
  }

  /// The files that the encoder is made of.
  var encoderFiles: [String] { ["\(encoderPath)/config.json", weights.file.path] }

  /// The files that make the model what it is, whether they are there or not.
  var files: [String] {
    let heads = [head?.tensors, sparseHead].compactMap { $0?.file.path }
    return ["modules.json", "config_sentence_transformers.json", "sentence_bert_config.json", "artifact.metadata"]
      .map { "\(path)/\($0)" }
      + (encoderPath == path ? [] : ["\(encoderPath)/sentence_bert_config.json"])
      + ModelLayout.described.map { "\(encoderPath)/\($0)" }
      + [head?.module, maskPath].compactMap { $0 }.map { "\($0)/config.json" } + [weights.file.path] + heads
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
