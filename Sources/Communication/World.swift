/// Runs `body` with the communicator of this job: all ranks of `mpirun`, or a rank alone.
///
/// An error of `body` ends the job on all ranks. A `RankFailure`, which all ranks throw together, is reported by rank 0
/// and thrown on, for every rank to exit with its status. Any other error is reported by the rank that throws it, which
/// then aborts the job: the others may wait for it in a collective. Alone, every error is reported and thrown on.
/// - Parameter report: prints an error; called before the job ends.
package func withWorld<Value>(
  report: (any Error) -> Void, _ body: (any Communicator) throws -> Value
) throws -> Value {
  guard MPIWorld.isLaunched else { return try aloneInTheWorld(report: report, body) }
  let communicator: MPICommunicator
  do {
    try MPIWorld.start()
    communicator = try MPICommunicator()
  } catch {
    report(error)
    throw error
  }
  do {
    let value = try body(communicator)
    try leave(communicator)
    return value
  } catch let failure as RankFailure {
    if communicator.rank == 0 { report(failure) }
    do {
      try leave(communicator)
    } catch {
      report(error)
      communicator.abort(status: failure.exitStatus)
    }
    throw failure
  } catch {
    report(error)
    communicator.abort(status: exitStatus(of: error))
  }
}

/// Stops MPI, once all ranks are about to: MPI itself would wait for a lost one without end or word, and would not see
/// that another is still in a collective.
private func leave(_ communicator: MPICommunicator) throws {
  communicator.context = "leaving"
  try communicator.barrier()
  try MPIWorld.stop()
}

private func aloneInTheWorld<Value>(
  report: (any Error) -> Void, _ body: (any Communicator) throws -> Value
) throws -> Value {
  do {
    try MPIWorld.refuseLonelyTasks()
    return try body(SoloCommunicator())
  } catch {
    report(error)
    throw error
  }
}
