package import Communication
import Crypto
import Foundation
import Tensors

/// The checkpoints of a run: `step-N` folders with a shard of every rank and a manifest.
///
/// A checkpoint is committed by one rename, of its manifest. A run that is killed at any instant leaves the last committed
/// checkpoint as it was, and what it had begun is not mistaken for one.
package struct CheckpointStore {
  package let path: String
  let communicator: any Communicator

  /// - Parameter path: the folder of the checkpoints, on a file system that all ranks share; made when first needed.
  package init(path: String, communicator: any Communicator) {
    self.path = path
    self.communicator = communicator
  }

  /// What there is of a checkpoint, by its folder alone.
  package struct Entry: Codable, Equatable {
    package let step: Int
    package let path: String
    /// Whether it has a manifest; one without was begun and never finished, or is half removed.
    package let isCommitted: Bool
  }

  /// The checkpoints, newest first, without reading them. Not collective.
  package func list() throws -> [Entry] {
    try CheckpointFolder.all(in: path).map {
      Entry(step: $0.step!, path: $0.path, isCommitted: try $0.isCommitted)
    }
  }

  /// The newest checkpoint that is whole, or nil if there is none yet; and what was passed over, for people to know.
  /// After `start(from:)`, until the next is saved, that one is the newest.
  ///
  /// Collective: every rank calls it. Rank 0 alone looks; all ranks together read every byte of what is chosen. If there
  /// are checkpoints and all are damaged it throws: to start again from nothing is not for a program to decide.
  package func latest() throws -> (checkpoint: Checkpoint?, notices: [String]) {
    let found = try communicator.onRoot("looking for checkpoints") { try candidates() }
    var notices: [String] = []
    for entry in found.entries {
      guard entry.isCommitted else {
        notices.append("\(entry.path) was never finished: it is not used")
        continue
      }
      switch try verified(entry.path) {
      case .success(let checkpoint): return (checkpoint, notices)
      case .failure(let error): notices.append("\(error): checkpoint of step \(entry.step) is not used")
      }
    }
    guard !found.entries.contains(where: \.isCommitted) else {
      throw CheckpointError.damaged(
        path, "no checkpoint can be used; remove them to start again. \(notices.joined(separator: "; "))")
    }
    return (try found.start.map(open), notices)
  }

  /// What `latest` chooses from.
  private struct Candidates: Codable {
    /// The checkpoints, newest first, without those that the run has left.
    let entries: [Entry]
    /// What the run was told to go on from: the last resort, since a checkpoint of its own is among the entries.
    let start: String?
  }

  private func candidates() throws -> Candidates {
    let chosen = try ChosenStart.read(in: path)
    let entries = try list().filter { entry in
      try chosen?.leaves(CheckpointFolder(path: entry.path)) != true
    }
    return Candidates(entries: entries, start: chosen?.checkpoint)
  }

  /// Makes `checkpoint`, of this run or another, the one that `latest` gives until the next is saved; for a run that was
  /// told to go on from it.
  ///
  /// What there is of the course that the run leaves stays till then, but is not used any more: later checkpoints, or all
  /// if `checkpoint` is another run's. Collective: every rank calls it.
  /// - Returns: what is left, for the log.
  package func start(from checkpoint: Checkpoint) throws -> [String] {
    try communicator.onRoot("choosing \(checkpoint.path)") {
      let isOwn = Self.isSame(checkpoint.path, CheckpointFolder(step: checkpoint.step, in: path).path)
      let left = try CheckpointFolder.all(in: path).filter {
        try $0.isCommitted && (!isOwn || $0.step! > checkpoint.step)
      }
      if isOwn && left.isEmpty {
        try ChosenStart.remove(in: path)
      } else {
        try ChosenStart(checkpoint, leaving: left).write(in: path)
      }
      return left.map { "\($0.path) is not used any more: the run goes on from \(checkpoint.path)" }
    }
  }

  /// Whether two paths lead to the same folder.
  private static func isSame(_ a: String, _ b: String) -> Bool {
    URL(fileURLWithPath: a).resolvingSymlinksInPath() == URL(fileURLWithPath: b).resolvingSymlinksInPath()
  }

  /// The checkpoint in the folder `path`, of this run or another, every byte of it checked.
  ///
  /// Collective: every rank calls it. The error for a damaged one names the newest good one beside it: to take that
  /// instead of the one that was asked for is not for a program to decide.
  package func open(_ path: String) throws -> Checkpoint {
    switch try verified(path) {
    case .success(let checkpoint): return checkpoint
    case .failure(let error):
      let other = try newestGood(beside: path)
      let advice = other.map { "the newest good checkpoint beside it is \($0)" } ?? "no good checkpoint is beside it"
      throw CheckpointError.damaged(error.path, "\(error.problem); \(advice)")
    }
  }

  /// The newest checkpoint that is whole in the folder that holds `path`. Collective.
  private func newestGood(beside path: String) throws -> String? {
    let others = try communicator.onRoot("looking for checkpoints beside \(path)") { () -> [String] in
      // What cannot be listed cannot be advised.
      let all = (try? CheckpointFolder.all(in: CheckpointFolder(path: path).store)) ?? []
      return all.filter { (try? $0.isCommitted) == true && !Self.isSame($0.path, path) }.map(\.path)
    }
    for other in others {
      if case .success = try verified(other) { return other }
    }
    return nil
  }

  /// What the folder `path` holds: a checkpoint every byte of which is checked, or what is wrong with it, by file.
  ///
  /// Collective: every rank calls it. Throws only if the ranks cannot talk.
  package func verified(_ path: String) throws -> Result<Checkpoint, CheckpointError> {
    let folder = CheckpointFolder(path: path)
    let answer = try communicator.onRoot("reading \(path)") {
      let manifest = Result { try folder.manifest() }
      return ManifestAnswer(manifest: try? manifest.get(), problem: manifest.problem)
    }
    guard let manifest = answer.manifest else { return .failure(.damaged(path, [answer.problem!])) }
    // Each shard is read by one rank.
    let mine = stride(from: communicator.rank, to: manifest.rankCount, by: communicator.rankCount)
    let problems = mine.compactMap { rank in Result { try folder.verify(rank, of: manifest) }.problem }
    let everyones = try communicator.allGather(bytes: Array(problems.joined(separator: "; ").utf8))
    let all = everyones.filter { !$0.isEmpty }.map { String(decoding: $0, as: UTF8.self) }
    guard all.isEmpty else { return .failure(.damaged(path, all)) }
    // Across the shards, so that what all ranks agreed on is what all ranks will read.
    let problem = try communicator.onRoot("reading \(path)") {
      Result { try folder.verifyParameters(of: manifest) }.problem
    }
    if let problem { return .failure(.damaged(path, [problem])) }
    return .success(Checkpoint(folder: folder, manifest: manifest))
  }
}

/// What rank 0 tells the others of a manifest: itself, or what is wrong with it.
private struct ManifestAnswer: Codable {
  let manifest: CheckpointManifest?
  let problem: String?
}

extension Result where Failure == any Error {
  /// What went wrong, if something did.
  fileprivate var problem: String? {
    switch self {
    case .success: nil
    case .failure(let error): "\(error)"
    }
  }
}

/// SHA-256 of the bytes of `floats`, in hexadecimal.
func sha256(of floats: Span<Float>) -> String {
  var hasher = SHA256()
  unsafe floats.withUnsafeBytes { unsafe hasher.update(bufferPointer: $0) }
  return hexadecimal(hasher.finalize())
}
