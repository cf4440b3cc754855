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
    message = "\(doing): \((error as? any LocalizedError)?.errorDescription ?? "\(error)")"
    exitStatus = Communication.exitStatus(of: error)
  }

  /// Alone there is no need to say which rank it was.
  package var description: String { rankCount == 1 ? message : "\(message) (rank \(rank) on \(host))" }
}
