import Foundation
import Tensors

extension ThreadPool {
  /// A pool of this rank's threads.
  ///
  /// As many as the affinity gives; if that is the whole machine, which ranks that are not bound share, an equal part of
  /// it. `COLBERT_THREADS` overrides both.
  static func forRank() -> ThreadPool {
    let environment = ProcessInfo.processInfo.environment
    if let asked = environment["COLBERT_THREADS"].flatMap(Int.init), asked > 0 { return ThreadPool(threadCount: asked) }
    let available = availableProcessors
    let sharers = available == ProcessInfo.processInfo.processorCount ? localRanks(environment) : 1
    return ThreadPool(threadCount: max(1, available / sharers))
  }

  /// How many ranks the launcher put on this machine.
  private static func localRanks(_ environment: [String: String]) -> Int {
    for name in ["OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"] {
      if let count = environment[name].flatMap(Int.init), count > 0 { return count }
    }
    return 1
  }
}
