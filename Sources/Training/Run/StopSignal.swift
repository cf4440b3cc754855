import Glibc
import Synchronization

/// Set by SIGUSR1; read once a step, and shared with the other ranks in the step's reduction.
private let requested = Atomic<Bool>(false)

/// SIGUSR1 to any rank asks the run to finish its step, write a checkpoint and end.
package enum StopSignal {
  package static func install() {
    unsafe signal(SIGUSR1) { _ in requested.store(true, ordering: .relaxed) }
  }

  static var isRequested: Bool { requested.load(ordering: .relaxed) }
}
