internal import CMPI
internal import Glibc

/// The life of MPI in this process: it starts once and stops once.
package enum MPIWorld {
  /// Whether this process is a rank that `mpirun`, or `srun` with a PMI, has started.
  package static var isLaunched: Bool { rankVariables.contains { environment($0) != nil } }

  /// The environment of a rank has one of these.
  package static let rankVariables = ["OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"]

  /// What the MPI library calls itself: `Open MPI v4.1.4`. Needs no ``start()``.
  package static var libraryVersion: String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(MPI_MAX_LIBRARY_VERSION_STRING) + 1) { text in
      var length: Int32 = 0
      unsafe text.initialize(repeating: 0)
      guard unsafe MPI_Get_library_version(text.baseAddress, &length) == MPI_SUCCESS else { return "unknown" }
      let whole = unsafe String(cString: text.baseAddress!)
      return String(whole.prefix { $0 != "," && $0 != "\n" })
    }
  }

  /// Starts MPI. One thread at a time may use it, though not always the same.
  package static func start() throws(CommunicationError) {
    var provided: Int32 = 0
    try check("MPI_Init_thread", unsafe MPI_Init_thread(nil, nil, Int32(MPI_THREAD_SERIALIZED), &provided))
    try check("MPI_Comm_set_errhandler", unsafe MPI_Comm_set_errhandler(cmpi_comm_world(), cmpi_errors_return()))
    guard provided >= Int32(MPI_THREAD_SERIALIZED) else {
      throw CommunicationError(
        operation: "MPI_Init_thread", message: "this MPI library does not allow calls from more than one thread")
    }
  }

  /// Stops MPI. Collective: it waits for all ranks.
  package static func stop() throws(CommunicationError) {
    try check("MPI_Finalize", MPI_Finalize())
  }

  /// Throws if `srun` has started many tasks without the means to find each other: each would take itself for a job.
  static func refuseLonelyTasks() throws(CommunicationError) {
    guard let tasks = environment("SLURM_STEP_NUM_TASKS").flatMap({ Int($0) }), tasks > 1 else { return }
    throw CommunicationError(
      operation: "start",
      message: "srun started \(tasks) tasks that do not know of each other; use mpirun, or srun --mpi=pmix")
  }
}

private func environment(_ name: String) -> String? {
  unsafe getenv(name).map { unsafe String(cString: $0) }
}
