package import Foundation

/// What there is of a checkpoint, by its manifest and the sizes of its files: what a person wants to see in a list.
package struct CheckpointSummary: Codable, Equatable, Sendable {
  package enum State: Codable, Equatable, Sendable {
    /// Its manifest is whole and its files have the sizes that it says; of their contents only `verified` knows.
    case complete
    /// Begun and never committed, or half removed: a resumed run passes over it.
    case halfWritten
    /// What is wrong.
    case damaged(String)
  }

  package let path: String
  /// The number of updates done; nil if neither the folder's name nor the manifest says it.
  package let step: Int?
  /// The number of ranks that wrote it; nil without a manifest that says so.
  package let rankCount: Int?
  /// When the last of its files was written.
  package let written: Date?
  /// Of all files in the folder.
  package let bytes: Int
  package let state: State
  /// What the run keeps beside the buffers, by its own keys; empty without a manifest.
  package let runState: [String: String]

  /// The checkpoints that a person means by `directory`, newest first; nil if it has to do with none.
  package static func all(in directory: String) throws -> [CheckpointSummary]? {
    switch try CheckpointPlace(directory) {
    case .checkpoint(let path): [try CheckpointSummary(CheckpointFolder(path: path))]
    case .store(let store): try CheckpointFolder.all(in: store).map { try CheckpointSummary($0) }
    case nil: nil
    }
  }

  private init(_ folder: CheckpointFolder) throws {
    let manifest = Result { try folder.manifest() }
    let files = try FileSystem.names(in: folder.path).map { "\(folder.path)/\($0)" }
    path = folder.path
    step = folder.step ?? (try? manifest.get())?.step
    rankCount = (try? manifest.get())?.rankCount
    runState = (try? manifest.get())?.state ?? [:]
    written =
      files.compactMap { try? FileManager.default.attributesOfItem(atPath: $0)[.modificationDate] as? Date }.max()
    bytes = try files.reduce(0) { try $0 + (FileSystem.size(of: $1) ?? 0) }
    state = try folder.isCommitted ? Self.state(of: folder, manifest) : .halfWritten
  }

  private static func state(
    of folder: CheckpointFolder, _ manifest: Result<CheckpointManifest, any Error>
  ) -> State {
    do {
      try folder.checkSizes(of: manifest.get())
      return .complete
    } catch {
      return .damaged("\(error)")
    }
  }
}
