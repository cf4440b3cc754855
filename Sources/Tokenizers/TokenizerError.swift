/// What is wrong with a file of a model folder, where in it, and what to do.
package struct TokenizerError: Error, Equatable, CustomStringConvertible {
  package let file: String
  /// From 1; nil if the problem is not in one place.
  package let line: Int?
  package let problem: String

  init(file: String, line: Int? = nil, problem: String) {
    self.file = file
    self.line = line
    self.problem = problem
  }

  package var description: String { "\(file)\(line.map { ":\($0)" } ?? ""): \(problem)" }
}
