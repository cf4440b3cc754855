import Training

extension UsageError {
  /// Throws if `problem`, of the path that `argument` names, is one.
  static func check(_ argument: String, _ problem: String?) throws {
    if let problem { throw UsageError("\(argument): \(problem)") }
  }
}
