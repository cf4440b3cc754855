import ArgumentParser
import Checkpoints
import Communication
import Foundation
import Training

extension ResumePolicy: ExpressibleByArgument {
  public init?(argument: String) {
    switch argument {
    case "": return nil
    case "auto": self = .auto
    case "never": self = .never
    default: self = .directory(argument)
    }
  }

  public var defaultValueDescription: String {
    switch self {
    case .auto: "auto"
    case .never: "never"
    case .directory(let directory): directory
    }
  }

  /// Refuses what would mix two runs in one directory: a used one under `never`, or with another configuration.
  ///
  /// A directory is used once it holds the `config.yaml` of a run.
  func check(_ configuration: Configuration, from file: String) throws {
    if case .directory(let directory) = self {
      try UsageError.check("--resume", PathCheck.folder(directory) ?? Self.lackOfCheckpoint(in: directory))
    }
    let directory = configuration.run.directory
    let earlierFile = "\(directory)/config.yaml"
    guard FileManager.default.fileExists(atPath: earlierFile) else {
      return try UsageError.check("\(file): run.directory", Self.strangeModel(in: directory))
    }
    if self == .never {
      throw UsageError("--resume never: \(directory) holds a run already; remove it or set another run.directory")
    }
    let differences = configuration.differences(
      from: try ConfigurationFile.read(earlierFile), comparesData: try Self.hasCheckpoint(in: directory))
    guard differences.isEmpty else {
      let lines = differences.map { "\(file): \($0)" }
      throw UsageError(
        lines.joined(separator: "\n")
          + "\n\(directory) holds a run with another configuration; set these keys back, or another run.directory")
    }
  }

  /// Whether the run in `directory` would go on from a checkpoint.
  private static func hasCheckpoint(in directory: String) throws -> Bool {
    try CheckpointStore(path: "\(directory)/checkpoints", communicator: SoloCommunicator()).list()
      .contains(where: \.isCommitted)
  }

  /// What is wrong with a folder where the finished model would replace one that is not a run's.
  private static func strangeModel(in directory: String) -> String? {
    guard FileManager.default.fileExists(atPath: "\(directory)/model") else { return nil }
    return "\(directory) holds a model of which no run knows, and which the finished one would replace; name another"
  }

  /// What is wrong with a folder that is neither a checkpoint nor a run's.
  static func lackOfCheckpoint(in folder: String) throws -> String? {
    guard try CheckpointPlace(folder) == nil else { return nil }
    return "\(folder) holds no checkpoint; name a step-N folder of a run's checkpoints, or the run's folder"
  }
}
