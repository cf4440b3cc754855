import Checkpoints
import Communication
import Training

extension Communicator {
  /// Throws on all ranks unless all run the same build of this program, with the same arguments.
  ///
  /// The configuration needs no such check: rank 0 alone reads it and tells the others. Collective: every rank calls it.
  func requireSameProgram(_ arguments: [String]) throws {
    guard rankCount > 1 else { return }
    let doing = "comparing the programs of all ranks"
    let digest = try together(doing) { try sha256(ofFile: "/proc/self/exe") ?? "" }
    let hosts = try everyones(hostName)
    let digests = try everyones(digest)
    let commands = try everyones(arguments.joined(separator: " "))
    try together(doing) {
      if let other = digests.firstIndex(where: { $0 != digests[0] }) {
        throw UsageError(
          """
          rank \(other) on \(hosts[other]) runs another build of this program than rank 0 on \(hosts[0]); put the same \
          file on all machines
          """)
      }
      if let other = commands.firstIndex(where: { $0 != commands[0] }) {
        throw UsageError(
          """
          rank \(other) on \(hosts[other]) was started as colbert \(commands[other]), rank 0 on \(hosts[0]) as \
          colbert \(commands[0]); all ranks need the same arguments
          """)
      }
    }
  }

  private func everyones(_ text: String) throws -> [String] {
    try allGather(bytes: Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }
}
