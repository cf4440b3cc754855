import Crypto
import Foundation

/// Which checkpoint a run was told to go on from, where that is not its newest one: a file beside the checkpoints, until
/// the run saves its next.
struct ChosenStart: Codable {
  /// The folder of the checkpoint, perhaps of another run.
  let checkpoint: String
  /// The checkpoints of the course that the run has left: SHA-256 of their manifests, by the names of their folders.
  private let left: [String: String]

  init(_ checkpoint: Checkpoint, leaving folders: [CheckpointFolder]) throws {
    self.checkpoint = URL(fileURLWithPath: checkpoint.path).path
    left = Dictionary(uniqueKeysWithValues: try folders.map { ($0.name, try $0.manifestHash()) })
  }

  /// Whether `folder` is one of those left. One that was saved since in the same place is not.
  func leaves(_ folder: CheckpointFolder) throws -> Bool {
    guard let hash = left[folder.name] else { return false }
    return try hash == folder.manifestHash()
  }
}

/// The file.
extension ChosenStart {
  private static func file(in store: String) -> String { "\(store)/start.json" }

  /// What was chosen for the checkpoints in the folder `store`, if anything was.
  static func read(in store: String) throws -> ChosenStart? {
    let file = file(in: store)
    guard try FileSystem.exists(file) else { return nil }
    let bytes = try unsafe MappedFile(file).withBytes { unsafe [UInt8]($0) }
    do {
      return try JSONDecoder().decode(ChosenStart.self, from: Data(bytes))
    } catch {
      throw CheckpointError.damaged(
        file, "does not say which checkpoint to go on from; remove it to go on from the newest")
    }
  }

  func write(in store: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let text = String(decoding: try encoder.encode(self), as: UTF8.self)
    try FileSystem.makeFolder(store)
    try replaceFile(Self.file(in: store), with: text)
  }

  static func remove(in store: String) throws { try FileSystem.remove(file(in: store)) }
}
