/// The ranks cannot talk to one another, or disagree about what to say.
package struct CommunicationError: Error, Equatable, CustomStringConvertible {
  /// The collective, or the MPI function, that failed.
  package let operation: String
  /// MPI's own error code; 0 if MPI had no complaint.
  package let code: Int32
  package let message: String

  package init(operation: String, code: Int32 = 0, message: String, context: String = "") {
    self.operation = context.isEmpty ? operation : "\(operation) (\(context))"
    self.code = code
    self.message = message
  }

  package var description: String { "\(operation): \(message)" + (code == 0 ? "" : " (MPI error \(code))") }
}
