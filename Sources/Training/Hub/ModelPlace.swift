import Foundation

/// Where a model is: a folder, or a snapshot in the cache of the Hugging Face Hub.
package struct ModelPlace: Equatable, Sendable {
  /// The folder.
  package let folder: String
  /// What names it for good: the path itself, or `ORG/NAME@COMMIT`. A branch may be another commit tomorrow, and a run
  /// that goes on must find the model that it began with.
  package let name: String

  /// What `text` names. A path that is there goes before a model in the cache.
  package static func find(_ text: String, settings: HubSettings = HubSettings()) -> Result<ModelPlace, ModelProblem> {
    guard !FileManager.default.fileExists(atPath: text), let model = HubModel(text) else {
      if let problem = PathCheck.modelFolder(text) { return .failure(ModelProblem(problem)) }
      return .success(ModelPlace(folder: text, name: text))
    }
    guard let (commit, folder) = settings.cache.snapshot(model) else {
      return .failure(
        ModelProblem(
          """
          there is no folder \(text) in \(FileManager.default.currentDirectoryPath), and no model \(model) in the \
          Hugging Face cache \(settings.cache.path); name a folder that is there, or fetch the model: colbert download \
          \(text)
          """))
    }
    guard FileManager.default.fileExists(atPath: "\(folder)/config.json") else {
      return .failure(
        ModelProblem(
          "\(text) is in the Hugging Face cache without config.json (\(folder)); fetch the rest: colbert download \(text)"
        ))
    }
    return .success(ModelPlace(folder: folder, name: model.at(commit)?.description ?? text))
  }
}

/// What is wrong with what names a model, and what to do.
package struct ModelProblem: Error, Equatable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}
