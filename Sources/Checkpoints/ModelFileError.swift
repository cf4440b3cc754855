import Communication

/// A model file that cannot be used: damaged, of another format, or without what was asked of it.
package struct ModelFileError: Error, Equatable, CustomStringConvertible, ExitStatusProviding {
  package let path: String
  /// The tensor that is wrong, if one is.
  package let tensor: String?
  /// What is wrong: what was expected, and what was found.
  package let problem: String

  package init(path: String, tensor: String? = nil, problem: String) {
    self.path = path
    self.tensor = tensor
    self.problem = problem
  }

  package var description: String { "\(path): \(tensor.map { "tensor \($0): " } ?? "")\(problem)" }

  package var exitStatus: Int32 { 65 }
}
