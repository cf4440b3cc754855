import Checkpoints
package import Communication
import Logging

/// What to do about an earlier run in the same directory.
package enum ResumePolicy: Equatable, Sendable {
  /// A used directory continues from its newest checkpoint.
  case auto
  /// A used directory is an error.
  case never
  /// Continues from this checkpoint folder.
  case directory(String)
}

/// How a run ended, if it did not fail.
package enum RunOutcome: Sendable {
  case finished
  /// After a checkpoint; to be continued.
  case stoppedBySignal
}

/// A training run: from a configuration to a finished model folder.
package enum Run {
  /// Collective: every rank calls it.
  ///
  /// - Parameter trace: the file for a trace of all ranks; nil: none.
  package static func train(
    configuration: Configuration, resume: ResumePolicy, trace: String? = nil, communicator: any Communicator,
    console: Console
  ) throws -> RunOutcome {
    communicator.timeout = .seconds(configuration.run.timeout)
    let directory = RunDirectory(configuration, communicator: communicator)
    let start = try communicator.together("opening \(directory.path)") { try directory.open(resume) }
    for notice in start.notices { console.logger.warning("\(notice)") }
    if start.checkpoint == nil, try directory.holdsModel() {
      console.logger.info("\(directory.path) is finished: \(directory.modelPath); remove that to train it again")
      return .finished
    }

    let run = try TrainingRun(configuration, directory, communicator: communicator, console: console)
    if let checkpoint = start.checkpoint {
      try run.restore(checkpoint)
      if try run.isFinished() {
        console.logger.info("\(configuration.run.directory) is finished: \(directory.modelPath)")
        return .finished
      }
    }
    try directory.writeConfiguration()
    if case .directory = resume, let checkpoint = start.checkpoint {
      for notice in try directory.store.start(from: checkpoint) { console.logger.info("\(notice)") }
    }
    try run.report()
    return try run.train(trace: trace)
  }
}
