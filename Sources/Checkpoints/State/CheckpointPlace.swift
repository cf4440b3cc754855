/// What a folder that a person names is, as far as checkpoints go.
package enum CheckpointPlace: Codable, Equatable {
  /// One checkpoint, finished or not.
  case checkpoint(String)
  /// The folder of a run's checkpoints, by its path.
  case store(String)

  /// Gives nil for a folder that has to do with no checkpoint: not a run's, not its `checkpoints`, not a `step-N`.
  package init?(_ directory: String) throws {
    if try FileSystem.exists("\(directory)/checkpoints") {
      self = .store("\(directory)/checkpoints")
    } else if try CheckpointFolder(path: directory).step != nil || CheckpointFolder(path: directory).isCommitted {
      self = .checkpoint(directory)
    } else if try !CheckpointFolder.all(in: directory).isEmpty {
      self = .store(directory)
    } else {
      return nil
    }
  }
}
