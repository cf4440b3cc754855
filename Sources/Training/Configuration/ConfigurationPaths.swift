import Datasets
import Foundation
import LateInteraction

/// The paths of a configuration that a command reads, and so wants to be there.
package struct ConfigurationPaths: OptionSet, Sendable {
  package let rawValue: Int

  package init(rawValue: Int) { self.rawValue = rawValue }

  /// `model.path`: a folder with a `config.json`, or a model in the cache of the Hugging Face Hub.
  package static let model = ConfigurationPaths(rawValue: 1)
  /// `data.train`: files that can be read.
  package static let trainingData = ConfigurationPaths(rawValue: 2)
  /// `evaluation.data`, if it is given: a folder in BEIR's layout.
  package static let evaluationData = ConfigurationPaths(rawValue: 4)
  /// `mining.corpus`, if it is given: a file, or a folder with a `corpus.jsonl`.
  package static let miningCorpus = ConfigurationPaths(rawValue: 32)
  /// `negatives.corpus`, if it is given: likewise.
  package static let negativesCorpus = ConfigurationPaths(rawValue: 64)
  /// What batches are made of.
  package static let batches: ConfigurationPaths = [.trainingData, .negativesCorpus]
  /// `run.directory`: a folder that can be written to, or made.
  package static let runDirectory = ConfigurationPaths(rawValue: 8)
  /// `cache.directory`, if it is given: a folder that can be written to, or made.
  package static let cacheDirectory = ConfigurationPaths(rawValue: 16)
}

extension Configuration {
  /// What is wrong with `paths` on this machine: the key, the list item if it has several, and the message.
  func problems(with paths: ConfigurationPaths) -> [(key: String, item: Int?, message: String)] {
    var problems: [(key: String, item: Int?, message: String)] = []
    if paths.contains(.model), let width = vectorWidth, let problem = loss.dimensionProblem(width: width) {
      problems.append(("loss.matryoshka", problem.item, problem.message))
    }
    if paths.contains(.trainingData) {
      for (item, file) in data.train.enumerated() {
        if let problem = PathCheck.file(file.path) { problems.append(("data.train", item, problem)) }
      }
    }
    if paths.contains(.evaluationData), let folder = evaluation.data, let problem = PathCheck.collectionFolder(folder) {
      problems.append(("evaluation.data", nil, problem))
    }
    if paths.contains(.miningCorpus), let path = mining.corpus, let problem = PathCheck.corpus(path) {
      problems.append(("mining.corpus", nil, problem))
    }
    if paths.contains(.negativesCorpus), let path = negatives.corpus, let problem = PathCheck.corpus(path) {
      problems.append(("negatives.corpus", nil, problem))
    }
    if paths.contains(.runDirectory), let problem = PathCheck.outputFolder(run.directory) {
      problems.append(("run.directory", nil, problem))
    }
    if paths.contains(.cacheDirectory), let folder = cache.directory, let problem = PathCheck.outputFolder(folder) {
      problems.append(("cache.directory", nil, problem))
    }
    return problems
  }
}

extension Configuration {
  /// How many components the model's vectors have, if its folder can be read; only looked for where it matters.
  private var vectorWidth: Int? {
    guard loss.matryoshka != nil, !model.path.isEmpty else { return nil }
    // A folder with a fault is for whoever loads it to name.
    return (try? ModelFolder(model.folder ?? model.path))?.head?.shape.dimension ?? model.dimension
  }
}

extension Configuration.Loss {
  /// What is wrong with the dimensions for vectors of `width` components: the list item, and the message.
  func dimensionProblem(width: Int) -> (item: Int, message: String)? {
    guard let matryoshka, let item = matryoshka.firstIndex(where: { $0 > width }) else { return nil }
    return (
      item,
      "the first \(matryoshka[item]) components are more than the \(width) that the model's vectors have; leave it out"
    )
  }
}

extension Configuration {
  /// Looks for the model. A name on the Hub then says the commit too, as `config.yaml` of the run will.
  mutating func findModel() -> Result<Void, ModelProblem> {
    ModelPlace.find(model.path).map { (model.path, model.folder) = ($0.name, $0.folder == $0.name ? nil : $0.folder) }
  }
}

/// Looks at a path before anything reads it: `nil` if it will do, else what is wrong and what to do.
package enum PathCheck {
  package static func modelFolder(_ path: String) -> String? {
    folder(path, being: "a Hugging Face model", with: ["config.json"])
  }

  /// The folder that `run.directory` of a run names.
  package static func runFolder(_ path: String) -> String? {
    folder(path, being: "a run", with: ["config.yaml", "metrics.jsonl"])
  }

  /// - Parameter judgements: a file to take in the place of the folder's; nil: none.
  package static func collectionFolder(_ path: String, judgements: String? = nil) -> String? {
    folder(
      path, being: "a collection in BEIR's or FlagEmbedding's layout",
      with: CollectionFiles(in: path, judgements: judgements).names)
  }

  /// A file of texts, or the folder of a collection.
  package static func corpus(_ path: String) -> String? {
    isFolder(path) == true
      ? folder(path, being: "a collection in BEIR's layout", with: ["corpus.jsonl"]) : file(path)
  }

  /// The file of a corpus: in a folder in BEIR's layout it is `corpus.jsonl`.
  static func corpusFile(_ path: String) -> String { folder(path) == nil ? "\(path)/corpus.jsonl" : path }

  /// A folder, whatever it holds.
  package static func folder(_ path: String) -> String? {
    switch isFolder(path) {
    case nil: "there is no folder \(place(path)); name one that is there"
    case false: "\(path) is a file; name a folder"
    case true: nil
    }
  }

  /// A file that can be read.
  package static func file(_ path: String) -> String? {
    switch isFolder(path) {
    case nil: "there is no file \(place(path)); make it or name another"
    case true: "\(path) is a folder; name a file in it"
    case false: isReadable(path) ? nil : "\(path) cannot be read; give yourself the permission (chmod u+r)"
    }
  }

  /// A file that will be written: its folder must be there.
  package static func output(_ path: String) -> String? {
    if path.isEmpty { return "the path is empty; name a file" }
    if isFolder(path) == true { return "\(path) is a folder; name a file in it" }
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return nil }
    let folder = String(path[..<slash])
    if isFolder(folder) != true {
      return "there is no folder \(place(folder)) to write \(path) into; make it (mkdir -p \(folder))"
    }
    return nil
  }

  /// A folder that will be written to; it, and those above it, may be made first.
  package static func outputFolder(_ path: String) -> String? {
    let existing = nearest(path)
    guard isFolder(existing) == true else { return "\(existing) is a file; name a folder" }
    if FileManager.default.isWritableFile(atPath: existing) { return nil }
    let problem = existing == path ? "" : "\(path) cannot be made: "
    return "\(problem)\(existing) cannot be written to; give yourself the permission, or name another folder"
  }

  /// A folder that will be made: nothing is there yet, or an empty folder.
  package static func newFolder(_ path: String) -> String? {
    if path.isEmpty { return "the path is empty; name a folder" }
    if isFolder(path) == false { return "\(path) is a file; name a folder that is not there yet" }
    let holdsSomething = (try? FileManager.default.contentsOfDirectory(atPath: path).isEmpty) == false
    if holdsSomething { return "\(path) is not empty, and nothing is overwritten; remove it or name another folder" }
    return outputFolder(path)
  }

  /// `path`, or the nearest above it that is there.
  private static func nearest(_ path: String) -> String {
    if isFolder(path) != nil { return path }
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : nearest(String(path[..<slash]))
  }

  private static func folder(_ path: String, being what: String, with files: [String]) -> String? {
    switch isFolder(path) {
    case nil: return "there is no folder \(place(path)); name the folder of \(what)"
    case false: return "\(path) is a file; name the folder of \(what)"
    case true: break
    }
    let missing = files.filter { isFolder("\(path)/\($0)") != false }
    guard missing.isEmpty else {
      return "\(path) has no \(missing.joined(separator: ", no ")); name the folder of \(what)"
    }
    return files.first { !isReadable("\(path)/\($0)") }
      .map { "\(path)/\($0) cannot be read; give yourself the permission (chmod u+r)" }
  }

  /// Whether a folder, not a file, is at `path`; `nil` if nothing is.
  private static func isFolder(_ path: String) -> Bool? {
    let files = FileManager.default
    if path.isEmpty { return nil }
    return files.fileExists(atPath: "\(path)/.") ? true : files.fileExists(atPath: path) ? false : nil
  }

  private static func isReadable(_ path: String) -> Bool { FileManager.default.isReadableFile(atPath: path) }

  /// A relative path with the folder it starts at, which is where people look wrongly.
  private static func place(_ path: String) -> String {
    path.hasPrefix("/") ? path : "\(path) in \(FileManager.default.currentDirectoryPath)"
  }
}
