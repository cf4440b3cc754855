import Communication

/// An argument that will not do, in words for the person who gave it.
struct UsageError: Error, CustomStringConvertible, ExitStatusProviding {
  let description: String

  init(_ description: String) { self.description = description }

  /// Bad usage.
  var exitStatus: Int32 { 64 }

  /// Throws if `problem`, of the path that `argument` names, is one.
  static func check(_ argument: String, _ problem: String?) throws {
    if let problem { throw UsageError("\(argument): \(problem)") }
  }
}
