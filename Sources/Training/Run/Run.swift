import Logging
package import Communication

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
  package static func train(
    configuration: Configuration, resume: ResumePolicy, communicator: any Communicator, console: Console
  ) throws -> RunOutcome {
    StopSignal.install()
    communicator.timeout = .seconds(configuration.run.timeout)
    let directory = RunDirectory(configuration, communicator: communicator)
    let start = try directory.open(resume)
    for notice in start.notices { console.logger.warning("\(notice)") }

    let run = try TrainingRun(configuration, directory, communicator: communicator, console: console)
    if let checkpoint = start.checkpoint {
      try run.restore(checkpoint)
      if run.isFinished {
        console.logger.info("\(configuration.run.directory) is finished: \(directory.modelPath)")
        return .finished
      }
    }
    try directory.writeConfiguration()
    try run.report()
    return try run.train()
  }
}
