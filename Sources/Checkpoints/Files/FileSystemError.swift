import Communication
import Foundation

/// A file operation that the system refused: disk full, no permission, no such folder.
package struct FileSystemError: Error, Equatable, CustomStringConvertible, ExitStatusProviding {
  /// What was being done, as it follows "cannot": "write".
  package let operation: String
  package let path: String
  /// The system's `errno`.
  package let code: Int32

  package var description: String { unsafe "cannot \(operation) \(path): \(String(cString: strerror(code)))" }

  package var exitStatus: Int32 { 70 }
}
