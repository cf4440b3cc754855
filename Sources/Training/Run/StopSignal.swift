import Glibc
import Synchronization

/// Set by SIGUSR1; read once a step, and shared with the other ranks in the step's reduction.
private let requested = Atomic<Bool>(false)

/// SIGUSR1 to any rank asks the run to finish its step, write a checkpoint and end.
package enum StopSignal {
  /// To be called before anything else: until then the signal ends the process. A command that does not train goes on
  /// to its end.
  package static func install() {
    // Whoever started this process may have blocked the signal, which is inherited.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGUSR1)
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    signal(SIGUSR1) { _ in requested.store(true, ordering: .relaxed) }
  }

  static var isRequested: Bool { requested.load(ordering: .relaxed) }
}
