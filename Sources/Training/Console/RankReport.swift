import Communication
import Tensors

/// How the ranks of a step compare.
struct RankReport: Equatable, Sendable {
  let rankCount: Int
  /// Which share of the time the ranks waited for others, as a mean.
  let waitingShare: Double
  /// The rank that waited least: the others waited for it.
  let slowest: Int
  /// Of the rank that has come to most.
  let memoryBytes: Int

  /// What the ranks' time went into, in seconds, as a mean to the microsecond.
  let meanSeconds: [String: Double]

  /// - Parameters:
  ///   - seconds: what each rank's time went into.
  ///   - memoryBytes: what each rank has come to.
  init(seconds: [PartTimes], memoryBytes: [Int]) {
    let waits = seconds.map { $0[.waitingForRanks] }
    let total = seconds.reduce(0) { $0 + $1.total }
    let means = StepPart.allCases.map { part in
      (seconds.reduce(0) { $0 + $1[part] } / Double(seconds.count) * 1e6).rounded() / 1e6
    }
    meanSeconds = Dictionary(uniqueKeysWithValues: zip(StepPart.allCases.map(\.name), means))
    rankCount = seconds.count
    waitingShare = total > 0 ? waits.reduce(0, +) / total : 0
    slowest = waits.indices.min { waits[$0] < waits[$1] }!
    self.memoryBytes = memoryBytes.max()!
  }

  /// Of all ranks. Collective: every rank calls it.
  ///
  /// - Parameter seconds: what this rank's time went into.
  init(_ seconds: PartTimes, _ communicator: any Communicator) throws {
    let own = StepPart.allCases.map { Int(seconds[$0] * 1e9) } + [ProcessMemory.now().anonymousPeak]
    let all = try communicator.allGather(own)
    self.init(
      seconds: all.map { nanoseconds in
        zip(StepPart.allCases, nanoseconds).reduce(into: PartTimes()) { $0[$1.0] = Double($1.1) / 1e9 }
      }, memoryBytes: all.map(\.last!))
  }

  var facts: [String] {
    let waiting = "\(ProgressFormat.decimals(100 * waitingShare, 0))% waiting for rank \(slowest)"
    return [gigabytes(memoryBytes)] + (rankCount > 1 ? [waiting] : [])
  }
}
