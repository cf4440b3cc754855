import Training

extension UsageError {
  /// Throws if `problem`, of the path that `argument` names, is one.
  static func check(_ argument: String, _ problem: String?) throws {
    if let problem { throw UsageError("\(argument): \(problem)") }
  }

  /// The folder of the model that `argument` names: by a path, or by its name on the Hub if it is in the cache.
  static func modelFolder(_ argument: String, _ model: String) throws -> String {
    switch ModelPlace.find(model) {
    case .success(let place): return place.folder
    case .failure(let problem): throw UsageError("\(argument): \(problem)")
    }
  }
}
