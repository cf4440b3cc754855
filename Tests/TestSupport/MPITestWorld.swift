package import Communication
import Foundation

/// The ranks of `mpirun -n N colbertPackageTests.xctest --testing-library swift-testing --no-parallel --filter MPI`.
///
/// MPI starts once per process, so all MPI suites share this world; they are serialised, one test at a time.
package enum MPITestWorld {
  package static var isLaunched: Bool { MPIWorld.isLaunched }

  package nonisolated(unsafe) static let communicator: MPICommunicator = {
    try! MPIWorld.start()
    atexit { try? MPIWorld.stop() }
    return try! MPICommunicator(timeout: .seconds(60))
  }()
}
