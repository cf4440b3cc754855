import Communication
import Foundation
import Testing

/// How a job may end. `WorldTests` runs this test bundle under `mpirun` once for each.
enum WorldScenario: String, CaseIterable, Sendable {
  case done, sharedFailure, loneFailure, unknownError, failureWhileOthersFinish, waitedTooLong, lostAtTheEnd

  static let variable = "COLBERT_WORLD_SCENARIO"

  /// The one that this process is to act in.
  static let current = ProcessInfo.processInfo.environment[variable].flatMap { WorldScenario(rawValue: $0) }

  var exitStatus: Int32 {
    switch self {
    case .done: 0
    case .sharedFailure, .loneFailure, .failureWhileOthersFinish: 65
    case .unknownError, .waitedTooLong, .lostAtTheEnd: 70
    }
  }

  /// What the job says, each once.
  var messages: [String] {
    switch self {
    case .done: []
    case .sharedFailure: ["FAILED reading: train.jsonl:1: not JSON (rank 1 on "]
    case .loneFailure, .failureWhileOthersFinish: ["FAILED train.jsonl:1: not JSON"]
    case .unknownError: ["FAILED CheckFailure"]
    case .waitedTooLong: ["; missing: rank 1 on "]
    // The rank whose second is over first reports: 0 or 2. It names the lost one.
    case .lostAtTheEnd: ["FAILED barrier (leaving): rank ", "; missing: rank 1 on "]
    }
  }

  /// Never returns to the caller's process: ends as the `colbert` command ends.
  func act() -> Never {
    do {
      try withWorld { error in
        FileHandle.standardError.write(Data("FAILED \(error)\n".utf8))
      } _: { communicator in
        try act(communicator)
      }
      exit(0)
    } catch {
      exit(Communication.exitStatus(of: error))
    }
  }

  private func act(_ communicator: any Communicator) throws {
    let isOdd = communicator.rank == 1
    switch self {
    case .done: try communicator.barrier()
    case .sharedFailure: try communicator.together("reading") { if isOdd { throw BadData(rank: 1) } }
    case .loneFailure: try isOdd ? { throw BadData(rank: 1) }() : communicator.barrier()
    case .unknownError: try isOdd ? { throw CheckFailure(message: "") }() : communicator.barrier()
    case .failureWhileOthersFinish:
      if isOdd {
        Thread.sleep(forTimeInterval: 0.5)
        throw BadData(rank: 1)
      }
    case .waitedTooLong:
      communicator.context = "step 12"
      communicator.timeout = .seconds(1)
      if isOdd { Thread.sleep(forTimeInterval: 60) }
      try communicator.barrier()
    case .lostAtTheEnd:
      communicator.timeout = .seconds(1)
      if isOdd { Thread.sleep(forTimeInterval: 60) }
    }
  }
}

/// The end of a job as its user sees it.
@Suite(.serialized, .enabled(if: mpirun != nil && !MPIWorld.isLaunched)) struct WorldTests {
  @Test(arguments: WorldScenario.allCases) func endsTheJob(scenario: WorldScenario) throws {
    let start = ContinuousClock.now
    let (status, errors) = try run(scenario)
    #expect(status == scenario.exitStatus, "\(errors)")
    for message in scenario.messages {
      #expect(errors.components(separatedBy: message).count == 2, "\(errors)")
    }
    #expect(ContinuousClock.now - start < .seconds(40), "the job must end within seconds")
  }

  private func run(_ scenario: WorldScenario) throws -> (status: Int32, errors: String) {
    let process = Process()
    process.executableURL = mpirun
    process.arguments = [
      "--oversubscribe", "-n", "3", URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path,
      "--testing-library", "swift-testing", "--no-parallel", "--filter", "WorldScenarioActor",
    ]
    process.environment = ProcessInfo.processInfo.environment.merging(
      [
        WorldScenario.variable: scenario.rawValue,
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
      ], uniquingKeysWith: { $1 })
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let said = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: said, as: UTF8.self))
  }
}

@Suite(.enabled(if: WorldScenario.current != nil)) struct WorldScenarioActor {
  @Test func acts() { WorldScenario.current!.act() }
}

/// Alone, without `mpirun`, the world is one rank, and errors come out as they are.
@Suite(.enabled(if: !MPIWorld.isLaunched)) struct LonelyWorldTests {
  @Test func runsAlone() throws {
    let ranks = try withWorld { _ in
    } _: {
      [$0.rank, $0.rankCount]
    }
    #expect(ranks == [0, 1])
  }

  @Test func reportsAndThrows() {
    var reports = 0
    #expect(throws: BadData.self) {
      try withWorld { _ in
        reports += 1
      } _: { _ in
        throw BadData(rank: 0)
      }
    }
    #expect(reports == 1)
  }
}

private let mpirun = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
  .map { URL(fileURLWithPath: "\($0)/mpirun") }
  .first { FileManager.default.isExecutableFile(atPath: $0.path) }
