import Checkpoints
import Communication
import Foundation
package import Tensors

/// A start of a run, or a going on with it: a line of `starts.jsonl`.
package struct RunStart: Codable, Sendable {
  /// ISO 8601, UTC.
  package let time: String
  /// Updates done before it.
  package let step: Int
  package let ranks: Int
  package let threadsPerRank: Int
  /// Of the encoder's products, as they are computed, which may not be as the configuration asks; nil in a file of an older version.
  package let precision: ProductPrecision?
  /// Of rank 0.
  package let program: ProgramReport
  /// Those of all ranks, each once.
  package let machines: [Machine]

  private enum CodingKeys: String, CodingKey {
    case time, step, ranks, precision, program, machines
    case threadsPerRank = "threads_per_rank"
  }

  /// Collective: every rank calls it.
  init(after step: Int, threads: Int, precision: ProductPrecision, communicator: any Communicator) throws {
    let machine = try JSONEncoder().encode(Machine())
    let all = try communicator.allGather(bytes: Array(machine))
    time = Date.now.formatted(.iso8601)
    self.step = step
    ranks = communicator.rankCount
    threadsPerRank = threads
    self.precision = precision
    program = ProgramReport()
    machines = try all.reduce(into: []) { machines, bytes in
      let machine = try JSONDecoder().decode(Machine.self, from: Data(bytes))
      if !machines.contains(where: { $0.host == machine.host }) { machines.append(machine) }
    }
  }

  /// What to be told if the start before, the last of `path`, computed other products; nil: it did not, or there was none.
  ///
  /// The configuration has not changed then: the machines have.
  func changeOfProducts(since path: String) -> String? {
    let lines = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n")
    guard step > 0, let last = lines?.last,
      let earlier = try? JSONDecoder().decode(RunStart.self, from: Data(last.utf8)),
      let precision, let before = earlier.precision, before != precision
    else { return nil }
    return """
      until step \(step) products were computed in \(before.rawValue), from here on in \(precision.rawValue): the run goes \
      on from its checkpoint, but not bit for bit
      """
  }

  /// Appends it to `path`, a line of JSON; at once and for good, as a run may be killed at any moment.
  func append(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
    let earlier = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    try replaceFile(path, with: earlier + String(decoding: try encoder.encode(self), as: UTF8.self) + "\n")
  }
}
