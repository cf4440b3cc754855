import Foundation
import Testing

/// The built `colbert` at work: alone, or the ranks of an `mpirun` of its own.
final class Command {
  struct Ended {
    /// The exit status; 128 and the signal's number if one ended it.
    let status: Int32
    let output: String
    let errors: String
    let seconds: Double

    /// The lines in which the program complains.
    var complaints: [String] {
      errors.split(separator: "\n").map(String.init).filter { $0.hasPrefix("error: ") }
    }
  }

  /// The binary, which lies beside the tests.
  static let binary = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    .appendingPathComponent("colbert").path

  static let mpirun = ["/usr/bin/mpirun", "/usr/local/bin/mpirun"].first(where: FileManager.default.isExecutableFile)

  private let process = Process()
  private let logs: TemporaryFolder
  private let hasEnded = DispatchSemaphore(value: 0)
  private let start = ContinuousClock.now

  /// Starts `colbert`.
  ///
  /// - Parameters:
  ///   - ranks: nil: without `mpirun`.
  ///   - wrapper: a program that each rank starts in the place of `colbert`, whose path is its first argument.
  ///   - environment: variables beside the usual ones.
  init(
    _ arguments: [String], ranks: Int? = nil, in folder: String, wrapper: String? = nil,
    environment: [String: String] = [:]
  ) throws {
    logs = try TemporaryFolder()
    let program = (wrapper.map { [$0] } ?? []) + [Self.binary] + arguments
    let launcher = ranks.map { [Self.mpirun!, "--oversubscribe", "--bind-to", "none", "-n", "\($0)"] } ?? []
    process.executableURL = URL(fileURLWithPath: (launcher + program)[0])
    process.arguments = Array((launcher + program).dropFirst())
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = ProcessInfo.processInfo.environment
      .filter { name, _ in !["OMPI_", "PMIX_", "PMI_"].contains(where: name.hasPrefix) }
      .merging([
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        // When a rank leaves with an error, mpirun gives the others a second or two, which tests have not: what a rank
        // has to say it must have said by then.
        "OMPI_MCA_odls_base_sigkill_timeout": "0",
        // The same on every machine: the number of threads is part of what makes two runs the same bits.
        "COLBERT_THREADS": ranks == nil ? "2" : "1",
      ]) { $1 }
      .merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try logs.open("output")
    process.standardError = try logs.open("errors")
    process.terminationHandler = { [hasEnded] _ in hasEnded.signal() }
    try withoutBlockedSignals { try process.run() }
  }

  /// A test that fails before the end leaves nothing behind.
  deinit {
    guard process.isRunning else { return }
    for rank in rankProcesses.values { kill(rank, SIGKILL) }
    kill(process.processIdentifier, SIGKILL)
  }

  /// Runs `colbert` to its end.
  static func colbert(
    _ arguments: [String], ranks: Int? = nil, in folder: String, wrapper: String? = nil,
    environment: [String: String] = [:], within seconds: Int = 60
  ) throws -> Ended {
    try Command(arguments, ranks: ranks, in: folder, wrapper: wrapper, environment: environment).end(within: seconds)
  }

  /// Waits for the end, which must come within `seconds`.
  func end(within seconds: Int = 60) throws -> Ended {
    if hasEnded.wait(timeout: .now() + .seconds(seconds)) == .timedOut {
      Issue.record("\(process.arguments!) goes on after \(seconds) s:\n\(try logs.text(of: "errors").suffix(2000))")
      kill(process.processIdentifier, SIGTERM)
      if hasEnded.wait(timeout: .now() + .seconds(5)) == .timedOut {
        for rank in rankProcesses.values { kill(rank, SIGKILL) }
        kill(process.processIdentifier, SIGKILL)
        hasEnded.wait()
      }
    }
    let status = process.terminationStatus
    return Ended(
      status: process.terminationReason == .uncaughtSignal ? 128 + status : status,
      output: try logs.text(of: "output"), errors: try logs.text(of: "errors"),
      seconds: (ContinuousClock.now - start) / .seconds(1))
  }

  var isRunning: Bool { process.isRunning }

  /// Sends a signal to one rank, or to the process that was started: `mpirun`, or the only rank.
  func send(_ signal: Int32, toRank rank: Int? = nil) {
    guard let target = rank.map({ rankProcesses[$0] }) ?? process.processIdentifier else { return }
    kill(target, signal)
  }

  /// The processes that `mpirun` has started, by rank.
  private var rankProcesses: [Int: pid_t] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { pid_t($0) }.reduce(into: [:]) { ranks, id in
      guard parent(of: id) == process.processIdentifier, let rank = rank(of: id) else { return }
      ranks[rank] = id
    }
  }

  /// A process inherits which signals are blocked, and a test's thread blocks nearly all of them.
  private func withoutBlockedSignals(_ body: () throws -> Void) rethrows {
    var none = sigset_t()
    var before = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try body()
  }

  private func parent(of id: pid_t) -> pid_t? {
    // "ID (NAME) STATE PARENT …", where the name may hold anything.
    let status = (try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)) ?? ""
    return status.split(separator: ")").last?.split(separator: " ").dropFirst().first.flatMap { pid_t($0) }
  }

  private func rank(of id: pid_t) -> Int? {
    let bytes = FileManager.default.contents(atPath: "/proc/\(id)/environ") ?? Data()
    let name = "OMPI_COMM_WORLD_RANK="
    return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
      .first { $0.hasPrefix(name) }.flatMap { Int($0.dropFirst(name.count)) }
  }
}
