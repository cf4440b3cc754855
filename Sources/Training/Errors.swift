package import Communication
import Checkpoints
import Datasets
import Tokenizers

/// Something in the command line or the configuration that the person must change: exit status 64.
package struct UsageError: Error, CustomStringConvertible, ExitStatusProviding {
  package let description: String
  package var exitStatus: Int32 { 64 }

  package init(_ description: String) { self.description = description }
}
