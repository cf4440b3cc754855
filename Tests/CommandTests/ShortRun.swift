import Checkpoints
import Communication
import Foundation
import Tensors
import TestSupport
import Testing

/// The folder of a short training run: `run.yaml`, and what the run leaves in `run`.
final class ShortRun: Sendable {
  static let steps = 40

  /// tiny-pylate learns its 8 rows, 4 at a time, with dropout: nothing of a run's state is without effect.
  static let configuration = """
    model: {path: \(fixture("tiny-pylate")), dropout: 0.1}
    data: {train: [\(fixture("pylate-train.jsonl"))]}
    batch: {queries: 4}
    optimizer: {learning_rate: 1e-3}
    run: {directory: run, steps: \(steps), checkpoint_every: 5}

    """

  /// Runs that nothing happens to, for others to be compared with.
  static let uninterruptedAlone = Result { try finished(ranks: nil) }
  static let uninterruptedOnTwoRanks = Result { try finished(ranks: 2) }

  static func uninterrupted(ranks: Int?) throws -> Outcome {
    try (ranks == nil ? uninterruptedAlone : uninterruptedOnTwoRanks).get()
  }

  private static func finished(ranks: Int?) throws -> Outcome {
    let run = try ShortRun()
    try run.finish(ranks: ranks)
    return try run.outcome()
  }

  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write(Self.configuration, to: "run.yaml")
  }

  /// A copy of what `other` has come to.
  init(copyOf other: ShortRun) throws { folder = try TemporaryFolder(copyOf: other.folder) }

  static let train = ["train", "run.yaml"]

  func train(_ arguments: [String] = [], ranks: Int? = nil) throws -> Command.Ended {
    try Command.colbert(Self.train + arguments, ranks: ranks, in: folder.path)
  }

  /// Trains to the end.
  @discardableResult
  func finish(_ arguments: [String] = [], ranks: Int? = nil) throws -> Command.Ended {
    let ended = try train(arguments, ranks: ranks)
    try #require(ended.status == 0, "\(ended.errors)")
    return ended
  }

  /// Starts to train and calls `disturb` when `steps` steps are done.
  ///
  /// On a busy machine the run may be over before it is disturbed; then it is run again.
  func train(
    _ arguments: [String] = [], ranks: Int?, until steps: Int, within seconds: Int = 20,
    disturb: (Command) throws -> Void
  ) throws -> Command.Ended {
    for _ in 0..<5 {
      try? folder.remove("run")
      let command = try Command(Self.train + arguments, ranks: ranks, in: folder.path)
      while metricsLineCount < steps && command.isRunning { usleep(500) }
      try disturb(command)
      let ended = try command.end(within: seconds)
      if !folder.has("run/model") { return ended }
    }
    throw NeverDisturbed()
  }

  var metricsLineCount: Int {
    (try? folder.bytes(of: "run/metrics.jsonl"))?.count { $0 == UInt8(ascii: "\n") } ?? 0
  }

  struct NeverDisturbed: Error {}
}

extension ShortRun {
  struct Metrics: Decodable, Equatable {
    let step: Int
    let loss: Double
    let gradient_norm: Double
    let learning_rate: Double
  }

  struct Evaluation: Decodable, Equatable {
    let step: Int
    let evaluation: [String: Double]
  }

  /// The steps' lines of `metrics.jsonl`, but for the speed.
  func metrics() throws -> [Metrics] { try lines(with: "\"loss\"") }

  /// The evaluations' lines of `metrics.jsonl`.
  func evaluations() throws -> [Evaluation] { try lines(with: "\"evaluation\"") }

  /// Every line must be one or the other.
  private func lines<Line: Decodable>(with key: String) throws -> [Line] {
    let lines = try folder.text(of: "run/metrics.jsonl").split(separator: "\n")
    for line in lines { try #require(line.contains("\"loss\"") != line.contains("\"evaluation\""), "\(line)") }
    return try lines.filter { $0.contains(key) }.map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
  }

  /// The newest checkpoint, all of it checked.
  func checkpoint() throws -> Checkpoint {
    let store = CheckpointStore(path: "\(folder.path)/run/checkpoints", communicator: SoloCommunicator())
    return try #require(try store.latest().checkpoint)
  }

  /// What a finished run has come to.
  func outcome() throws -> Outcome {
    let checkpoint = try checkpoint()
    return Outcome(
      metrics: try metrics(), step: checkpoint.step, tensors: checkpoint.tensors,
      buffers: try ["parameters", "first_moments", "second_moments"].map { try checkpoint.floats($0) },
      weights: try folder.bytes(of: "run/model/model.safetensors"),
      head: try folder.bytes(of: "run/model/1_Dense/model.safetensors"))
  }
}

/// All that a finished run has come to.
struct Outcome: Sendable {
  let metrics: [ShortRun.Metrics]
  /// Of the last checkpoint.
  let step: Int
  let tensors: [TensorRecord]
  /// Its parameters and moments.
  let buffers: [[Float]]
  /// The finished model's files.
  let weights: Data
  let head: Data

  var parameters: [Float] { buffers[0] }

  /// In what these two are not the same, bit for bit.
  func differences(from other: Outcome) -> [String] {
    [
      ("metrics", metrics == other.metrics), ("step", step == other.step), ("tensors", tensors == other.tensors),
      ("parameters", bits(0) == other.bits(0)), ("first moments", bits(1) == other.bits(1)),
      ("second moments", bits(2) == other.bits(2)), ("model.safetensors", weights == other.weights),
      ("1_Dense", head == other.head),
    ].filter { !$0.1 }.map(\.0)
  }

  private func bits(_ buffer: Int) -> [UInt32] { buffers[buffer].map(\.bitPattern) }

  /// How far the two ended apart, as a part of the way that the parameters went: ‖end − end'‖ / ‖end' − start‖.
  func distance(from other: Outcome) throws -> Double {
    let start = try parameters(ofModel: fixture("tiny-pylate"))
    let zeros = [Float](repeating: 0, count: start.count)
    func way(_ outcome: Outcome) -> [Float] { zip(outcome.parameters, start).map { $0 - $1 } }
    precondition(relativeError(way(other), zeros) > 0, "nothing was learnt")
    return relativeError(way(self), way(other))
  }

  /// The trained tensors in the files of a PyLate folder, in the order of the parameters.
  func parameters(ofModel path: String) throws -> [Float] {
    let encoder = try SafetensorsFile("\(path)/model.safetensors")
    let head = try SafetensorsFile("\(path)/1_Dense/model.safetensors")
    return try tensors.map(\.name).flatMap { name in
      if name == "linear.weight" { return try head.floats(name) }
      // As older libraries called them, and as tiny-pylate has them.
      let older = name.replacing("LayerNorm.weight", with: "LayerNorm.gamma")
        .replacing("LayerNorm.bias", with: "LayerNorm.beta")
      return try encoder.floats(encoder.info(name) == nil ? older : name)
    }
  }
}

extension Checkpoint {
  /// All floats of a buffer.
  func floats(_ buffer: String) throws -> [Float] {
    let count = tensors.map(\.range.upperBound).max() ?? 0
    var storage = Storage(zeros: count)
    var span = storage.mutableSpan
    try read(buffer, 0..<count, into: &span)
    return storage.matrix(rows: 1, columns: count).values
  }
}

extension TensorFile {
  /// All floats of a tensor.
  func floats(_ name: String) throws -> [Float] {
    let count = try tensor(name).count
    var storage = Storage(zeros: count)
    var span = storage.mutableSpan
    try copy(name, into: &span)
    return storage.matrix(rows: 1, columns: count).values
  }
}
