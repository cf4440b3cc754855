import ArgumentParser
import Communication
import Foundation
import Logging
import Training

/// A command whose work is done by all ranks together.
protocol RankCommand: ParsableCommand {
  /// Collective: every rank calls it.
  ///
  /// - Returns: the exit status of the job.
  func run(on communicator: any Communicator, console: Console) throws -> Int32
}

/// Runs the command line on every rank, so that each fault is said once and all ranks leave with the same status.
enum CommandRunner {
  /// Ends the process with the status of the job.
  ///
  /// Collective: every rank calls it.
  static func main(_ arguments: [String]) -> Never {
    let console = Console.standardError()
    let report: (any Error) -> Void = { error in
      console.keepStatus()
      console.logger.error("\(explanation(of: error))")
    }
    do {
      let status = try withWorld(report: report) { communicator in
        try run(arguments, on: communicator, console: communicator.rank == 0 ? console : .silent())
      }
      exit(status)
    } catch {
      exit(exitStatus(of: error))
    }
  }

  private static func run(_ arguments: [String], on communicator: any Communicator, console: Console) throws -> Int32 {
    try communicator.requireSameProgram(arguments)
    let command: any RankCommand
    do {
      command = try parse(arguments)
    } catch {
      return try answer(error, to: arguments, on: communicator)
    }
    do {
      return try command.run(on: communicator, console: console)
    } catch let refusal as Refusal {
      return refusal.exitStatus
    }
  }

  /// The command to run; throws if the arguments are wrong, or ask for something that is only printed.
  private static func parse(_ arguments: [String]) throws -> any RankCommand {
    if arguments == ["--version"] { throw CleanExit.message(ProgramReport().text) }
    var command = try ColBERTCommand.parseAsRoot(arguments)
    if let command = command as? any RankCommand { return command }
    try command.run()
    throw CleanExit.helpRequest(ColBERTCommand.self)
  }

  /// Prints on rank 0 what the command line asked for instead of a command, or what is wrong with it.
  ///
  /// Collective: the others wait, or mpirun would end rank 0 before it has spoken.
  private static func answer(
    _ error: any Error, to arguments: [String], on communicator: any Communicator
  ) throws -> Int32 {
    let status = ColBERTCommand.exitCode(for: error).rawValue
    try communicator.onRoot("reading the command line") { () -> Void in
      let output = status == 0 ? FileHandle.standardOutput : FileHandle.standardError
      var text = ColBERTCommand.fullMessage(for: error, columns: nil)
      if status != 0, let problem = Misspelling.problem(in: arguments) {
        text = "Error: \(problem)\n" + (text.range(of: "Usage:").map { text[$0.lowerBound...] } ?? "")
      }
      try output.write(contentsOf: Data((text + "\n").utf8))
    }
    return status
  }
}

/// Rank 0 would not start and has said why.
struct Refusal: Error {
  let exitStatus: Int32
}

extension Communicator {
  /// Runs `body` on rank 0 alone. If it fails, rank 0 says why, one line a problem, and all ranks throw a `Refusal`.
  ///
  /// For the configuration and the arguments, which are checked before any rank starts to work.
  ///
  /// Collective: every rank calls it.
  func prepare(_ console: Console, _ body: () throws -> Void) throws {
    _ = try prepare(console) { () -> Bool in
      try body()
      return true
    }
  }

  /// What `body` gives on rank 0, the only one to run it, on every rank. If it fails, rank 0 says why, one line a
  /// problem, and all ranks throw a `Refusal`.
  ///
  /// Collective: every rank calls it.
  func prepare<Value: Codable>(_ console: Console, _ body: () throws -> Value) throws -> Value {
    let prepared = try onRoot("preparing") { () -> Prepared<Value> in
      do {
        return .ready(try body())
      } catch {
        for problem in explanation(of: error).split(separator: "\n") { console.logger.error("\(problem)") }
        return .refused(exitStatus: Communication.exitStatus(of: error))
      }
    }
    switch prepared {
    case .ready(let value): return value
    case .refused(let status): throw Refusal(exitStatus: status)
    }
  }
}

private enum Prepared<Value: Codable>: Codable {
  case ready(Value)
  case refused(exitStatus: Int32)
}
