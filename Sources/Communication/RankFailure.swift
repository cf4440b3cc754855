internal import Foundation

/// One rank's failure, known to all ranks: they throw it together and leave together.
package struct RankFailure: Error, Codable, Equatable, CustomStringConvertible, ExitStatusProviding {
  /// The lowest rank that failed.
  package let rank: Int
  package let rankCount: Int
  package let host: String
  /// What was being done and what went wrong.
  package let message: String
  package let exitStatus: Int32

  init(of error: any Error, doing: String, on communicator: any Communicator) {
    rank = communicator.rank
    rankCount = communicator.rankCount
    host = communicator.hostName
    message = "\(doing): \(explanation(of: error))"
    exitStatus = Communication.exitStatus(of: error)
  }

  /// Alone there is no need to say which rank it was.
  package var description: String { rankCount == 1 ? message : "\(message) (rank \(rank) on \(host))" }
}

/// What an error says, in words for people: Foundation's own errors print as records for programmers.
package func explanation(of error: any Error) -> String {
  if let error = error as? any LocalizedError, let description = error.errorDescription { return description }
  guard error is CocoaError else { return "\(error)" }
  return (error as NSError).localizedFailureReason ?? error.localizedDescription
}
