import Checkpoints
import Communication
import Datasets
import Foundation
import LateInteraction
import TestSupport
import Tensors
import Testing

@testable import Training

/// What PyTorch computes in float64 from the same folders and rows; the scripts that made the files stand beside them.
///
/// The bounds are a few times the error PyTorch itself has in float32 (their docstrings state it).
@Suite struct GoldenTests {
  @Test func tinyPyLate() throws {
    struct Expected: Decodable {
      let contrastive_loss: Double
      let scores: [[Double]]
    }
    let expected: Expected = try readJSON(fixture("pylate.json"))
    let golden = try GoldenModel(
      folder: fixture("tiny-pylate"), rows: "pylate-train.jsonl", objective: Objective(temperature: 1))
    try golden.checkVectors("pylate-vectors.safetensors")
    #expect(abs(try golden.loss() - expected.contrastive_loss) < 5e-6)
    try golden.checkGradients("pylate-grad-contrastive.safetensors") {
      $0.hasPrefix("linear") ? "1.\($0)" : "0.auto_model.\($0)"
    }
    // The golden scores have all positives first, then all negatives; a global batch has each query's documents together.
    let scores = try golden.scores()
    for (query, row) in expected.scores.enumerated() {
      for (column, score) in row.enumerated() {
        let ours = scores[query][column % 8 * 2 + column / 8]
        #expect(abs(Double(ours) - score) < 1e-5, "query \(query), document \(column)")
      }
    }
  }

  @Test(.enabled(if: BFloat16Products.obstacle == nil)) func tinyPyLateOfBFloat16Products() throws {
    struct Expected: Decodable {
      let contrastive_loss: Double
    }
    let expected: Expected = try readJSON(fixture("pylate.json"))
    let golden = try GoldenModel(
      folder: fixture("tiny-pylate"), rows: "pylate-train.jsonl", objective: Objective(temperature: 1),
      precision: .bfloat16)
    try golden.checkBFloat16(loss: expected.contrastive_loss, gradients: "pylate-grad-contrastive.safetensors") {
      $0.hasPrefix("linear") ? "1.\($0)" : "0.auto_model.\($0)"
    }
  }

  @Test func tinyBERT() throws {
    let expected: TinyBERT = try readJSON(fixture("tiny-bert.json"))
    let golden = try TinyBERT.withFolder {
      try GoldenModel(
        folder: $0, rows: "tiny-bert-train.jsonl", objective: Objective(temperature: expected.temperature))
    }
    #expect(golden.batch.targets.map(\.columns.lowerBound) == expected.targets)
    #expect(golden.batch.chunks[0].tokens.ids == (expected.queries + expected.documents).flatMap(\.ids))
    try golden.checkVectors("tiny-bert-vectors.safetensors")
    #expect(abs(try golden.loss() - expected.loss) < 5e-6)
    try golden.checkGradients("tiny-bert-gradients.safetensors") { $0 }
    for (ours, theirs) in zip(try golden.scores().joined(), expected.scores.joined()) {
      #expect(abs(Double(ours) - theirs) < 1e-5)
    }
  }

  /// Six updates of AdamW with warm-up, clipping and weight decay follow PyTorch's.
  @Test func tinyBERTRun() throws {
    let expected: TinyBERT = try readJSON(fixture("tiny-bert.json"))
    let golden = try TinyBERT.withFolder {
      try GoldenModel(
        folder: $0, rows: "tiny-bert-train.jsonl", objective: Objective(temperature: expected.temperature))
    }
    let parameters = golden.loaded.model.parameters
    let start = parameters.allValues.values
    let solo = SoloCommunicator()
    let optimizer = AdamW(
      AdamWSettings(
        learningRate: expected.run.learning_rate, headLearningRate: nil, weightDecay: expected.run.weight_decay,
        decaysVectors: false, betas: (0.9, 0.999), epsilon: 1e-8, clipNorm: expected.run.clip_norm),
      parameters.layout, shards: ParameterShards(of: start.count, isSharded: false, solo),
      on: golden.loaded.model.pool)
    let schedule = Schedule(.linear, warmup: Double(expected.run.warmup), totalSteps: expected.run.steps)
    for step in 0..<expected.run.steps {
      let loss = try golden.loss()
      let norm = try optimizer.norm(parameters, solo)
      #expect(abs(loss - expected.losses[step]) < 1e-5 * max(1, expected.losses[step]), "loss of step \(step)")
      #expect(abs(norm / expected.gradient_norms[step] - 1) < 1e-5, "norm of step \(step)")
      #expect(
        abs(schedule.factor(at: step) * expected.run.learning_rate - expected.learning_rates[step]) < 1e-12)
      try optimizer.update(parameters, step: step, factor: schedule.factor(at: step), norm: norm, solo)
    }
    #expect(try golden.distance(from: "tiny-bert-trained.safetensors", start: start) < 2e-5)
  }
}

/// The first batch of a fixture's rows, in file order, on one rank and without dropout.
final class GoldenModel {
  let loaded: LoadedModel
  let batch: RankBatch
  let trainer: Trainer

  init(
    folder: String, rows: String, objective: Objective, queryMaxLength: Int? = nil, documentMaxLength: Int? = nil,
    precision: ProductPrecision = .float32
  ) throws {
    let data = try TrainingData(paths: [fixture(rows)])
    let settings = ModelSettings(
      path: folder, trained: .all, dropout: 0, queryMaxLength: queryMaxLength, documentMaxLength: documentMaxLength,
      precision: precision)
    loaded = try LoadedModel(settings, trains: true, on: ThreadPool(threadCount: 2))
    let sampler = Sampler(
      counts: data.counts, batchQueries: data.count, negativesPerQuery: 2, shuffle: false, seed: 0)
    let builder = BatchBuilder(
      data: data, sampler: sampler, input: loaded.input, accumulation: 1, rank: 0, rankCount: 1)
    batch = try builder.deal(builder.read(0), SoloCommunicator())
    trainer = Trainer(loaded.model, objective: objective, seed: 0, communicator: SoloCommunicator())
  }

  func loss() throws -> Double { try trainer.gradients(of: batch, step: 0).reduce(0) { $0 + $1.value } }

  /// Without gradients.
  func lossAlone() throws -> Double {
    let scores = try trainer.score(batch, step: 0).exchange.scores
    return trainer.objective.losses(scores, targets: batch.targets, step: 0, globalQueryCount: batch.globalQueryCount)
      .reduce(0) { $0 + $1.value }
  }

  func scores() throws -> [[Float]] {
    let scored = try trainer.score(batch, step: 0)
    let scores = scored.exchange.scores.colbert
    return (0..<scores.rows).map { scores.rows($0..<$0 + 1).values }
  }

  /// How far a run of AdamW ended from the reference's end, as a part of the way: ‖end − end'‖ / ‖end' − start‖.
  ///
  /// Without `key.bias`: Adam makes steps of a zero gradient's rounding noise; ours is exactly zero, PyTorch's is not.
  func distance(from file: String, start: [Float]) throws -> Double {
    let file = try SafetensorsFile(fixture(file))
    let values = loaded.model.parameters.allValues.values
    var (difference, way) = (0.0, 0.0)
    for tensor in loaded.model.parameters.layout.trained where !tensor.name.hasSuffix("key.bias") {
      let end = try floats(file, tensor.name, tensor.count)
      for (i, position) in tensor.range!.enumerated() {
        difference += pow(Double(values[position]) - Double(end[i]), 2)
        way += pow(Double(end[i]) - Double(start[position]), 2)
      }
    }
    return (difference / way).squareRoot()
  }

  /// Vectors within 1e-5. The file has `query.N` and `document.N`; PyLate's documents are all positives, then negatives.
  func checkVectors(_ name: String) throws {
    let file = try SafetensorsFile(fixture(name))
    let scored = try trainer.score(batch, step: 0)
    let queryCount = batch.globalQueryCount
    let isPyLate = name.hasPrefix("pylate")
    for (prefix, vectors) in [("query", scored.queries.vectors), ("document", scored.documents.vectors)] {
      for text in 0..<vectors.count {
        let number = prefix == "document" && isPyLate ? text / 2 + text % 2 * queryCount : text
        let ours = vectors.rows.rows(vectors.starts[text]..<vectors.starts[text + 1]).values
        let theirs = try floats(file, "\(prefix).\(number)", ours.count)
        let worst = zip(ours, theirs).map { abs($0 - $1) }.max() ?? 0
        #expect(worst < 1e-5, "\(prefix) \(number): \(worst)")
      }
    }
  }

  /// Gradients within 5e-6 over all tensors, and each within 1e-5.
  func checkGradients(_ name: String, fileName: (String) -> String) throws {
    let errors = try gradientErrors(name, fileName: fileName)
    for (name, error) in errors.each { #expect(error < 1e-5, "\(name)") }
    #expect(errors.all < 5e-6)
  }

  /// At most 1.2 times the errors of PyTorch with the encoder under bfloat16 autocast and float32 after it: 1.2e-3 of the
  /// loss, 6.3e-2 over all gradients, 1.3e-1 of the worst tensor.
  ///
  /// And at least a hundred times those of float32: else nothing was rounded.
  ///
  /// - Parameter missesLoss: whether this batch's loss is known to be further off than that bound, PyTorch's error with one
  ///   objective; `lossesOfBFloat16Products` compares such errors over many models.
  func checkBFloat16(
    loss expected: Double, missesLoss: Bool = false, gradients name: String, fileName: (String) -> String
  ) throws {
    let errors = try gradientErrors(name, fileName: fileName)
    let loss = try lossAlone()
    func checkLoss() { #expect(abs(loss - expected) < 1.2 * 1.2e-3, "\(loss), not \(expected)") }
    if missesLoss {
      withKnownIssue("1.6e-3 with unified, 1.5e-3 self-distilled or infonce", isIntermittent: true) { checkLoss() }
    } else {
      checkLoss()
    }
    #expect(errors.all < 1.2 * 6.3e-2 && errors.all > 5e-4)
    for (name, error) in errors.each { #expect(error < 1.2 * 1.3e-1, "\(name)") }
  }

  /// How far gradients are from the file's, ‖ours − theirs‖ / ‖theirs‖: over all tensors, and of each by itself that is
  /// no rounding noise. That of `key.bias` must be zero.
  func gradientErrors(
    _ name: String, fileName: (String) -> String
  ) throws -> (all: Double, each: [(name: String, error: Double)]) {
    _ = try loss()
    let file = try SafetensorsFile(fixture(name))
    let parameters = loaded.model.parameters
    var ours: [[Float]] = []
    var theirs: [[Float]] = []
    for tensor in parameters.layout.trained {
      ours.append(parameters.gradientValues(tensor.name)!)
      theirs.append(try floats(file, fileName(tensor.name), tensor.count))
    }
    let largest = theirs.map(norm).max()!
    var each: [(String, Double)] = []
    for (i, tensor) in parameters.layout.trained.enumerated() {
      if tensor.name.hasSuffix("key.bias") {
        #expect(ours[i].allSatisfy { $0 == 0 }, "\(tensor.name) is exactly zero")
      } else if norm(theirs[i]) > 1e-6 * largest {
        each.append((tensor.name, relativeError(ours[i], theirs[i])))
      }
    }
    return (relativeError(ours.flatMap { $0 }, theirs.flatMap { $0 }), each)
  }

  private func norm(_ values: [Float]) -> Double {
    values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
  }
}

func floats(_ file: SafetensorsFile, _ name: String, _ count: Int) throws -> [Float] {
  let matrix = TestMatrix(zeros: 1, count)
  try matrix.matrix.withMutableSpan { try file.copy(name, into: &$0) }
  return matrix.values
}

/// `tiny-bert.json`.
private struct TinyBERT: Decodable {
  struct Text: Decodable { let ids: [Int32] }
  struct Run: Decodable {
    let steps: Int
    let learning_rate: Double
    let warmup: Int
    let weight_decay: Double
    let clip_norm: Double
  }
  let temperature: Double
  let run: Run
  let queries: [Text]
  let documents: [Text]
  let targets: [Int]
  let scores: [[Double]]
  let loss: Double
  let losses: [Double]
  let gradient_norms: [Double]
  let learning_rates: [Double]

  /// The fixture's folder with its head as a Dense module and its lengths; gone when `body` returns.
  static func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let described = [
      "1_Dense/config.json": #"{"in_features": 40, "out_features": 24, "bias": false}"#,
      "modules.json": PyLateFiles.modules,
      "config_sentence_transformers.json": """
      {"query_prefix": "[unused0]", "document_prefix": "[unused1]", "query_length": 12, "document_length": 24}
      """,
    ]
    return try TestSupport.withFolder(described) { folder in
      for file in ["config.json", "model.safetensors", "vocab.txt"] {
        try FileManager.default.copyItem(atPath: fixture("tiny-bert/\(file)"), toPath: "\(folder)/\(file)")
      }
      try FileManager.default.copyItem(
        atPath: fixture("tiny-bert-head.safetensors"), toPath: "\(folder)/1_Dense/model.safetensors")
      return try body(folder)
    }
  }
}
