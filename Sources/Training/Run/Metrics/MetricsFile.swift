import Checkpoints
import Communication
import Foundation
import LateInteraction

/// `metrics.jsonl`: one JSON object a line, written by rank 0; beside it the same for TensorBoard.
struct MetricsFile {
  private let path: String
  private let handle: FileHandle
  private let events: EventFile

  /// Opens the file for step `step` updates done: lines of later steps, from a run that was cut off, are removed.
  init(_ path: String, after step: Int) throws {
    self.path = path
    let kept =
      (try? String(contentsOfFile: path, encoding: .utf8))?
      .split(separator: "\n").filter { (Self.step(of: String($0)) ?? .max) <= step } ?? []
    let text = kept.map { $0 + "\n" }.joined()
    try replaceFile(path, with: text)
    handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.seekToEnd()
    events = try EventFile(in: (path as NSString).deletingLastPathComponent, after: step)
  }

  /// Appends one step's line.
  func append(_ metrics: StepMetrics) throws {
    try append(encoded: metrics)
    try events.append(step: metrics.step, metrics.scalars)
  }

  /// Appends an evaluation's line.
  ///
  /// - Parameter narrower: the same figures by the first components of the vectors alone.
  func append(
    step: Int, evaluation: EvaluationResult, narrower: [(dimension: Int, result: EvaluationResult)],
    agreement: Agreement?
  ) throws {
    let byDimension = Dictionary(uniqueKeysWithValues: narrower.map { ("\($0.dimension)", $0.result) })
    try append(
      encoded: EvaluationLine(
        step: step, evaluation: evaluation, narrower: narrower.isEmpty ? nil : byDimension, agreement: agreement))
    try events.append(step: step, evaluation.scalars)
  }

  private func append(encoded value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
    let line = try encoder.encode(value) + Data("\n".utf8)
    try explained { try handle.write(contentsOf: line) }
  }

  /// Returns when all lines are on the disk; to be called before a checkpoint of their last step is.
  func sync() throws { try explained { try handle.synchronize() } }

  private func explained(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch {
      throw RunError("\(path): cannot be written: \(explanation(of: error))")
    }
  }

  private static func step(of line: String) -> Int? {
    struct Line: Decodable { let step: Int }
    return try? JSONDecoder().decode(Line.self, from: Data(line.utf8)).step
  }
}

/// One step's line in `metrics.jsonl`; steps count from 1.
package struct StepMetrics: Codable, Sendable {
  package let step: Int
  package let loss: Double
  /// The loss under each head and under their ensemble, before weights; nil unless the objective is unified.
  package let loss_terms: LossTerms?
  package let learning_rate: Double
  package let gradient_norm: Double
  package let queries_per_second: Double
  package let tokens_per_second: Double
  /// How often a document was left out of a query's loss as a false negative; nil without `negatives.mask`.
  package var masked_documents: Int?
  /// What the step's time went into by ``StepPart``'s names, a mean over the ranks; nil in a file of an older version.
  package var seconds: [String: Double]?
}

/// The terms of the unified objective, in `metrics.jsonl`.
package struct LossTerms: Codable, Sendable {
  package let dense: Double
  package let sparse: Double
  package let colbert: Double
  package let ensemble: Double

  /// What some queries add to each; zeros for another objective.
  init(_ losses: [QueryLoss]) {
    let terms = losses.compactMap(\.terms)
    func sum(_ term: KeyPath<UnifiedTerms, Double>) -> Double { terms.reduce(0) { $0 + $1[keyPath: term] } }
    self.init(values: [sum(\.dense), sum(\.sparse), sum(\.colbert), sum(\.ensemble)])
  }

  init(values: [Double]) {
    dense = values[0]
    sparse = values[1]
    colbert = values[2]
    ensemble = values[3]
  }

  var values: [Double] { [dense, sparse, colbert, ensemble] }
}

private struct EvaluationLine: Encodable {
  let step: Int
  let evaluation: EvaluationResult
  /// By dimension; nil without `loss.matryoshka`.
  let narrower: [String: EvaluationResult]?
  /// With the starting model; nil where nothing watches it.
  let agreement: Agreement?
}
