import Checkpoints
import Communication

extension Communicator {
  /// Throws on all ranks unless these files are the same, byte for byte, on every rank's machine; absent everywhere is
  /// the same too.
  ///
  /// Ranks that read different models or data would go on without a word, to a result that is nobody's. Collective:
  /// every rank calls it.
  func requireSameFiles(_ paths: [String]) throws {
    guard rankCount > 1 else { return }
    _ = try digests(ofSameFiles: paths)
  }

  /// SHA-256 of each file, in hexadecimal, or "absent"; throws as `requireSameFiles` does. Collective: every rank calls
  /// it.
  func digests(ofSameFiles paths: [String]) throws -> [String] {
    let doing = "comparing the files of all ranks"
    let digests = try together(doing) { try paths.map { try sha256(ofFile: $0) ?? "absent" } }
    let own = zip(paths, digests).map { "\($0) \($1)" }
    let hosts = try allGather(bytes: Array(hostName.utf8)).map { String(decoding: $0, as: UTF8.self) }
    let everyones = try allGather(bytes: Array(own.joined(separator: "\n").utf8))
    try together(doing) {
      guard let other = everyones.firstIndex(where: { $0 != everyones[0] }) else { return }
      let files = [everyones[0], everyones[other]].map {
        String(decoding: $0, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
      }
      let place = zip(files[0], files[1]).enumerated().first { $1.0 != $1.1 }?.offset ?? 0
      throw ModelFileError(
        path: paths[place],
        problem: """
          rank \(other) on \(hosts[other]) has another file of this name than rank 0 on \(hosts[0]); all machines need \
          the same files
          """)
    }
    return digests
  }
}
