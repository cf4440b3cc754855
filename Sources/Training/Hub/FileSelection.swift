import Foundation

/// Which files of a model on the Hub are fetched.
struct FileSelection: Equatable, Sendable {
  /// Every file.
  var isAll = false
  /// Patterns of files that are fetched beside those that a ColBERT model needs; `*` is also of subfolders.
  var patterns: [String] = []

  static let moduleList = "modules.json"

  /// What describes a model, its tokenizer and its licence; the two heads of BGE-M3.
  private static let needed = [
    "config*.json", "*_config.json", "tokenizer*.json", "special_tokens_map.json",
    "added_tokens.json", "modules.json", "vocab.txt", "vocab.json", "merges.txt", "*.model", "artifact.metadata",
    "colbert_linear.*", "sparse_linear.*", "README.md", "LICENSE*",
  ]

  /// An encoder's weights, or a module's: of these the first kind that is there, as they are all the same numbers.
  private static let weights = [
    ["model.safetensors"], ["pytorch_model.bin"],
    ["model-*-of-*.safetensors", "model.safetensors.index.json"],
    ["pytorch_model-*-of-*.bin", "pytorch_model.bin.index.json"],
  ]

  /// The chosen ones of `files`, the small ones first, so that what is wrong shows early.
  ///
  /// - Parameter modules: the subfolders that `modules.json` names.
  func chosen(of files: [HubFile], modules: [String]) -> [HubFile] {
    let folders = [""] + modules
    let weights = Dictionary(uniqueKeysWithValues: Set(folders).map { ($0, Self.weights(in: $0, of: files)) })
    let chosen = files.filter { file in
      isAll || patterns.contains { Self.fits(file.path, $0) }
        || folders.contains(file.folder)
          && (Self.needed + (weights[file.folder] ?? [])).contains { Self.fits(file.name, $0) }
    }
    return chosen.sorted { ($0.bytes, $0.path) < ($1.bytes, $1.path) }
  }

  /// The patterns that no file's name fits: misspelt, or of another model.
  func unused(_ files: [HubFile]) -> [String] {
    patterns.filter { pattern in !files.contains { Self.fits($0.path, pattern) } }
  }

  /// Whether the chosen weights are in several parts, which `ModelFolder` does not read.
  static func hasParts(_ files: [HubFile]) -> Bool {
    files.contains { file in weights[2...].joined().contains { fits(file.name, $0) } }
  }

  private static func weights(in folder: String, of files: [HubFile]) -> [String] {
    let names = files.filter { $0.folder == folder }.map(\.name)
    return weights.first { kind in names.contains { fits($0, kind[0]) } } ?? []
  }

  private static func fits(_ name: String, _ pattern: String) -> Bool { unsafe fnmatch(pattern, name, 0) == 0 }
}

extension FileSelection {
  private struct Module: Decodable { let path: String }

  /// The subfolders that the file `modules.json` of Sentence Transformers names; none if it is no such file.
  static func modules(inFile path: String) -> [String] {
    let modules: [Module]? = try? readJSON(path)
    return (modules ?? []).map(\.path).filter { !$0.isEmpty }
  }
}
