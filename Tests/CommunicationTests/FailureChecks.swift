import Communication

/// An error of one rank's data.
struct BadData: Error, ExitStatusProviding, CustomStringConvertible {
  let rank: Int
  var exitStatus: Int32 { 65 }
  var description: String { "train.jsonl:\(rank): not JSON" }
}

/// Whichever ranks fail, all throw the error of the lowest of them, and can go on.
func checkTogether(_ communicator: any Communicator) throws {
  let last = communicator.rankCount - 1
  for failing in [[], [0], [last], Array(0...last), Array(last / 2...last)] as [[Int]] {
    do {
      let value = try communicator.together("reading the training data") {
        if failing.contains(communicator.rank) { throw BadData(rank: communicator.rank) }
        return communicator.rank
      }
      try require(failing.isEmpty && value == communicator.rank, "ranks \(failing) fail, but nothing is thrown")
    } catch let failure as RankFailure {
      try require(failure.rank == failing.first, "ranks \(failing) fail, but rank \(failure.rank) is blamed")
      try require(failure.exitStatus == 65 && failure.host == communicator.hostName, "\(failure)")
      let place = communicator.rankCount == 1 ? "" : " (rank \(failure.rank) on \(failure.host))"
      let message = "reading the training data: train.jsonl:\(failure.rank): not JSON\(place)"
      try require("\(failure)" == message, "the message is \(failure)")
    }
  }
}

/// A failure that all ranks share already keeps its first message.
func checkTogetherInTogether(_ communicator: any Communicator) throws {
  do {
    try communicator.together("starting") {
      try communicator.together("reading the model") { throw BadData(rank: communicator.rank) }
    }
    throw CheckFailure(message: "nothing is thrown")
  } catch let failure as RankFailure {
    try require(failure.message == "reading the model: train.jsonl:0: not JSON", "the message is \(failure.message)")
  }
}

func checkOnRoot(_ communicator: any Communicator) throws {
  struct Found: Codable, Equatable {
    var step: Int?
    var norms: [Float]
  }
  var runs = 0
  let found = try communicator.onRoot("looking for checkpoints") {
    runs += 1
    return Found(step: nil, norms: [.infinity, 0.1, -0.0, .leastNonzeroMagnitude])
  }
  try require(runs == (communicator.rank == 0 ? 1 : 0), "the body ran \(runs) times on rank \(communicator.rank)")
  let bits = [Float.infinity, 0.1, -0.0, .leastNonzeroMagnitude].map(\.bitPattern)
  try require(found.step == nil && found.norms.map(\.bitPattern) == bits, "\(found)")

  let bytes = try communicator.bytesFromRoot("reading") { [1, 2, 255] }
  try require(bytes == [1, 2, 255], "\(bytes)")
  let none = try communicator.bytesFromRoot("reading nothing") { [] }
  try require(none.isEmpty, "\(none)")
  let number: Int = try communicator.onRoot("counting") { 12 }
  try require(number == 12, "\(number)")
  try communicator.onRoot("writing") { runs += 1 }
  try require(runs == (communicator.rank == 0 ? 2 : 0), "the body ran \(runs) times on rank \(communicator.rank)")
}

func checkOnRootFailing(_ communicator: any Communicator) throws {
  do {
    let step: Int = try communicator.onRoot("looking for checkpoints") { throw BadData(rank: 0) }
    throw CheckFailure(message: "\(step) instead of an error")
  } catch let failure as RankFailure {
    try require(failure.rank == 0 && failure.exitStatus == 65, "\(failure)")
  }
  do {
    try communicator.onRoot("writing the log") { throw CheckFailure(message: "disk full") }
    throw CheckFailure(message: "nothing is thrown")
  } catch let failure as RankFailure {
    try require(failure.exitStatus == 70, "\(failure)")
  }
}

/// Ranks that make different calls all throw; none waits, and none gets wrong numbers.
func checkDisagreement(_ communicator: any Communicator, _ disagreement: Disagreement) throws {
  guard communicator.rankCount > 1 else { return }
  let odd = communicator.rank == communicator.rankCount - 1
  communicator.context = "step 12"
  do {
    switch disagreement {
    case .operation: try odd ? communicator.barrier() : sumOf(10, communicator)
    case .count: try sumOf(odd ? 11 : 10, communicator)
    case .rowCounts: try gatherRows([odd ? 1 : 2, odd ? 2 : 1], communicator)
    case .root: _ = try communicator.broadcast([], from: odd ? 1 : 0)
    }
    throw CheckFailure(message: "nothing is thrown")
  } catch let error as CommunicationError {
    try require("\(error)".contains("the ranks disagree: rank 0 calls"), "\(error)")
    try require("\(error)".contains("step 12"), "\(error)")
  }
}

enum Disagreement: String, CaseIterable, Sendable { case operation, count, rowCounts, root }

private func sumOf(_ count: Int, _ communicator: any Communicator) throws {
  var values = [Float](repeating: 1, count: count)
  var span = values.mutableSpan
  try communicator.allReduceSum(&span)
}

private func gatherRows(_ firstCounts: [Int], _ communicator: any Communicator) throws {
  let counts = firstCounts + Array(repeating: 0, count: communicator.rankCount - 2)
  let local = [Float](repeating: 1, count: counts[communicator.rank])
  var all = [Float](repeating: 0, count: 3)
  var span = all.mutableSpan
  try communicator.allGather(local.span, into: &span, rowCounts: counts, columns: 1)
}
