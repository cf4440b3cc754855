import Checkpoints
import Communication
import Tensors

/// A training state of which every number is a function of the step, saved and loaded by ranks that are threads.
struct TrainingState: Sendable {
  static let buffers = ["parameters", "first_moments", "second_moments"]

  var step: Int
  var count = 103
  /// Whether each rank has only its part of the moments.
  var sharded = false

  var tensors: [TensorRecord] {
    [
      TensorRecord(name: "weight", shape: [count - 3, 1], range: 0..<count - 3),
      TensorRecord(name: "bias", shape: [3], range: count - 3..<count),
    ]
  }

  var values: [String: String] { ["epoch": "\(step / 10)", "position": "step \(step), \"quoted\"/é"] }

  func floats(_ buffer: String) -> [Float] {
    let slot = Self.buffers.firstIndex(of: buffer)!
    return (0..<count).map { Float(step) + Float(slot) * 1000.25 + Float($0) / 512 }
  }

  /// What rank `communicator.rank` does to save; `change` makes its parameters differ from the others'.
  func save(
    in path: String, keep: Int, needs: Int? = nil, on communicator: any Communicator,
    change: (inout [Float]) -> Void = { _ in }
  ) throws -> [String] {
    let (rank, rankCount) = (communicator.rank, communicator.rankCount)
    var storage = Storage(zeros: 3 * count)
    let matrices = Self.buffers.indices.map { storage.matrix(at: $0 * count, rows: 1, columns: count) }
    for (buffer, matrix) in zip(Self.buffers, matrices) {
      var values = floats(buffer)
      if buffer == "parameters" { change(&values) }
      matrix.assign(values)
    }
    let part = shardRange(of: count, rank: rank, rankCount: rankCount)
    let buffers = zip(Self.buffers, matrices).map { buffer, matrix in
      buffer == "parameters" || !sharded
        ? CheckpointBuffer(buffer, whole: matrix)
        : CheckpointBuffer(buffer, count: count, part: part, matrix.reshaped(rows: count, columns: 1).rows(part))
    }
    let notices = try CheckpointStore(path: path, communicator: communicator).save(
      step: step, tensors: tensors, buffers: buffers, state: values, keep: keep, needs: needs)
    _ = storage.mutableSpan  // lives until here
    return notices
  }

  /// Saves on `ranks` ranks and gives rank 0's notices.
  @discardableResult
  func save(in path: String, ranks: Int = 2, keep: Int = 2, needs: Int? = nil) throws -> [String] {
    try ThreadCommunicator.run(rankCount: ranks) { try save(in: path, keep: keep, needs: needs, on: $0) }[0]
  }
}

/// What ranks found when they looked for the newest checkpoint.
struct Found: Equatable, Sendable {
  var step: Int?
  var notices: [String]
}

/// Looks for the newest checkpoint on `ranks` ranks, which must agree.
func latest(in path: String, ranks: Int = 2) throws -> Found {
  let found = try ThreadCommunicator.run(rankCount: ranks) { communicator in
    let (checkpoint, notices) = try CheckpointStore(path: path, communicator: communicator).latest()
    return Found(step: checkpoint?.step, notices: notices)
  }
  precondition(found.allSatisfy { $0 == found[0] }, "the ranks found \(found)")
  return found[0]
}

/// The checkpoint in the folder `path`, opened alone.
func open(_ path: String) throws -> Checkpoint {
  try CheckpointStore(path: "", communicator: SoloCommunicator()).open(path)
}

extension Checkpoint {
  /// The floats `range` of `buffer`.
  func floats(_ buffer: String, _ range: Range<Int>) throws -> [Float] {
    var storage = Storage(zeros: range.count)
    var span = storage.mutableSpan
    try read(buffer, range, into: &span)
    return storage.matrix(rows: 1, columns: range.count).values
  }
}
