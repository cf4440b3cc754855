import ArgumentParser
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
    if case .directory(let directory) = self { try UsageError.check("--resume", PathCheck.folder(directory)) }
    let directory = configuration.run.directory
    let earlierFile = "\(directory)/config.yaml"
    guard FileManager.default.fileExists(atPath: earlierFile) else { return }
    if self == .never {
      throw UsageError("--resume never: \(directory) holds a run already; remove it or set another run.directory")
    }
    let differences = configuration.differences(from: try ConfigurationFile.read(earlierFile))
    guard differences.isEmpty else {
      let lines = differences.map { "\(file): \($0)" }
      throw UsageError(
        lines.joined(separator: "\n")
          + "\n\(directory) holds a run with another configuration; set these keys back, or another run.directory")
    }
  }
}
