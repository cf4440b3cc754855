import Communication
import Datasets
import Tokenizers

/// Something in the command line or the configuration that the person must change: exit status 64.
package struct UsageError: Error, CustomStringConvertible, ExitStatusProviding {
  package let description: String
  package var exitStatus: Int32 { 64 }

  package init(_ description: String) { self.description = description }
}

/// Something that went wrong while a run wrote its files: exit status 70.
struct RunError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

// The modules below know nothing of ranks; here their errors meet the exit status that ends a job.
extension DataError: ExitStatusProviding {}
extension MissingFileError: ExitStatusProviding {}
extension TokenizerError: ExitStatusProviding {
  package var exitStatus: Int32 { 65 }
}
