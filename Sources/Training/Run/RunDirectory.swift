import Logging
import Checkpoints
import Communication
import Foundation

/// A run's folder: `config.yaml`, `starts.jsonl`, `metrics.jsonl`, `checkpoints/step-N/` and, when it is finished, `model/`.
struct RunDirectory {
  let configuration: Configuration
  let store: CheckpointStore
  private let communicator: any Communicator

  init(_ configuration: Configuration, communicator: any Communicator) {
    self.configuration = configuration
    self.communicator = communicator
    store = CheckpointStore(path: "\(configuration.run.directory)/checkpoints", communicator: communicator)
  }

  var path: String { configuration.run.directory }
  var modelPath: String { "\(path)/model" }
  var metricsPath: String { "\(path)/metrics.jsonl" }
  var startsPath: String { "\(path)/starts.jsonl" }

  /// The checkpoint to continue from, if any, and what the log should say. Collective: every rank calls it.
  ///
  /// That a used directory is refused, under `never` or with another configuration, is the command line's part, which
  /// can read `config.yaml`.
  func open(_ resume: ResumePolicy) throws -> (checkpoint: Checkpoint?, notices: [String]) {
    guard case .directory(let folder) = resume else { return try store.latest() }
    let place = try communicator.onRoot("looking at \(folder)") { try CheckpointPlace(folder) }
    guard case .store(let path) = place else { return (try checked(store.open(folder)), []) }
    let (newest, notices) = try CheckpointStore(path: path, communicator: communicator).latest()
    guard let newest else {
      throw UsageError((["--resume \(folder): there is no checkpoint in it"] + notices).joined(separator: "; "))
    }
    return (try checked(newest), notices)
  }

  /// Whether the finished model is there. Collective: every rank calls it.
  func holdsModel() throws -> Bool {
    try communicator.onRoot("looking for \(modelPath)") { FileManager.default.fileExists(atPath: modelPath) }
  }

  func checkpoint(ofStep step: Int) -> String { "\(store.path)/step-\(step)" }

  /// The best evaluation before `checkpoint`, if the run compares them; nil of another run's checkpoint, beside which the
  /// best one's parameters stay.
  func best(of checkpoint: Checkpoint) throws -> BestEvaluation? {
    func place(_ path: String) -> URL { URL(fileURLWithPath: path).resolvingSymlinksInPath() }
    guard place(checkpoint.path) == place(self.checkpoint(ofStep: checkpoint.step)) else { return nil }
    do {
      return try BestEvaluation(state: checkpoint.state)
    } catch {
      throw RunError(
        "\(checkpoint.path): its state does not say which evaluation was best; go on from another checkpoint")
    }
  }

  /// Makes the folder and writes `config.yaml`. Collective: every rank calls it.
  func writeConfiguration() throws {
    try communicator.onRoot("writing \(path)/config.yaml") { () -> Void in
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try replaceFile("\(path)/config.yaml", with: configuration.resolvedYAML)
    }
  }

  /// A checkpoint of another configuration is not continued: the keys that differ are named.
  private func checked(_ checkpoint: Checkpoint) throws -> Checkpoint {
    let earlier = try checkpoint.configuration()
    let differences = configuration.differences(from: earlier, comparesData: true)
    guard differences.isEmpty else {
      throw UsageError(
        """
        \(checkpoint.path) was written with another configuration (\(differences.map(\.description).joined(separator: "; "))); \
        set these keys back, or leave --resume out
        """)
    }
    return checkpoint
  }
}

/// The keys of a checkpoint's state.
enum StateKey {
  static let configuration = "configuration"
  static let files = "training_files"
  static let best = "best_evaluation"
}
