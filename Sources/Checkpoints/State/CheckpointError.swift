import Communication

/// A checkpoint that cannot be used or cannot be made.
package struct CheckpointError: Error, Equatable, CustomStringConvertible, ExitStatusProviding {
  /// The file or folder it is about.
  package let path: String
  /// What is wrong: what was expected, and what was found.
  package let problem: String
  package let exitStatus: Int32

  package var description: String { "\(path): \(problem)" }

  /// Damaged, or of something else than it is taken for.
  static func damaged(_ path: String, _ problem: String) -> CheckpointError {
    CheckpointError(path: path, problem: problem, exitStatus: 65)
  }

  /// A folder of which `problems` are known; each may name the folder again, and need not.
  static func damaged(_ folder: String, _ problems: [String]) -> CheckpointError {
    let inside = problems.map { $0.replacing("\(folder)/", with: "").replacing("\(folder): ", with: "") }
    return damaged(folder, inside.joined(separator: "; "))
  }

  /// Not to be made, through a fault of the cluster or of this program.
  static func failed(_ path: String, _ problem: String) -> CheckpointError {
    CheckpointError(path: path, problem: problem, exitStatus: 70)
  }
}
