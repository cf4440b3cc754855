/// An error that knows the exit status of the job it ends.
///
/// 64: bad usage or configuration; 65: a bad data or model file; 70: anything else.
package protocol ExitStatusProviding {
  var exitStatus: Int32 { get }
}

/// The exit status of a job that `error` ends: the error's own, else 70.
package func exitStatus(of error: any Error) -> Int32 {
  (error as? any ExitStatusProviding)?.exitStatus ?? 70
}
