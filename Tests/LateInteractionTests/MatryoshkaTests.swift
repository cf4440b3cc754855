import Foundation
import LateInteraction
import TestSupport
import Tensors
import Testing

/// Losses over several dimensions, beside what PyTorch makes of the same vectors (`Fixtures/losses/make.py`).
@Suite struct MatryoshkaTests {
  @Test(arguments: ["sums", "means", "without the whole", "margin_mse", "kl"])
  func agreesWithPyTorch(name: String) throws {
    let golden = try Golden()
    let (gradients, loss) = golden.computed(golden.objective(name), reduction: name == "means" ? .mean : .sum)
    let expected = try #require(golden.losses[name])
    // Scores are float32's sums of a few products; the slopes of the margins' squares grow with them.
    #expect(abs(loss - expected) < 2e-6 * max(1, expected))
    for (part, gradient) in gradients {
      let expected = try #require(golden.gradients[name]?[part]).flatMap { $0 }.map(Float.init)
      #expect(relativeError(gradient, expected) < 2e-6, "\(part)")
    }
  }

  /// The parts of the sum, each by itself.
  @Test func addsUp() throws {
    let golden = try Golden()
    func loss(_ dimensions: [Int], _ weights: [Double]) -> (value: Double, gradient: [Float]) {
      let matryoshka = Matryoshka(dimensions: dimensions, weights: weights, width: golden.width)
      let (gradients, value) = golden.computed(Objective(temperature: 0.5, matryoshka: matryoshka), reduction: .sum)
      return (value, gradients.flatMap(\.1))
    }
    let all = loss([12, 7, 3], [1, 0.5, 2])
    let parts = [loss([12], [1]), loss([7], [0.5]), loss([3], [2])]
    #expect(abs(all.value - parts.reduce(0) { $0 + $1.value }) < 1e-12 * all.value)
    let sum = all.gradient.indices.map { i in parts.reduce(0) { $0 + $1.gradient[i] } }
    #expect(relativeError(all.gradient, sum) < 1e-6)
    #expect(loss([12], [1]).gradient == golden.computed(Objective(temperature: 0.5), reduction: .sum).0.flatMap(\.1))
  }

  /// The ColBERT term alone is over several dimensions: the ensemble and what it teaches see the whole vectors.
  @Test func unifiedHasItInItsColBERTTermAlone() {
    let dimensions = Matryoshka(dimensions: [4, 2], weights: [1, 0.5], width: 4)
    func losses(_ weights: UnifiedTerms, _ matryoshka: Matryoshka) -> (QueryLoss, [[Float]]) {
      let matrices = (0..<4).map { head in
        TestMatrix((0..<3).map { Float(head) * 0.3 - Float($0 * $0) * 0.2 }, rows: 1, columns: 3)
      }
      let scores = ScoreMatrices(
        colbert: matrices[0].matrix, dense: matrices[1].matrix, sparse: matrices[2].matrix,
        narrower: matryoshka.narrower.isEmpty ? [] : [matrices[3].matrix])
      let objective = Objective(temperature: 0.5, unified: weights, selfDistillationStart: 0, matryoshka: matryoshka)
      let found = objective.losses(scores, targets: [QueryTarget(columns: 1..<2)], step: 0, globalQueryCount: 1)
      return (found[0], matrices.map(\.values))
    }
    let weights = UnifiedTerms(dense: 1, sparse: 0.1, colbert: 1.5, ensemble: 1)
    let (whole, wholeSlopes) = losses(weights, .none)
    let (both, slopes) = losses(weights, dimensions)
    // The narrower dimension's scores as those of a ColBERT model alone.
    let narrow = TestMatrix((0..<3).map { 0.9 - Float($0 * $0) * 0.2 }, rows: 1, columns: 3)
    let alone = Objective(temperature: 0.5).losses(
      ScoreMatrices(colbert: narrow.matrix), targets: [QueryTarget(columns: 1..<2)], step: 0, globalQueryCount: 1)[0]
    #expect(abs(both.value - whole.value - 1.5 * 0.5 * alone.value / 8) < 1e-12)
    #expect(abs(both.terms!.colbert - whole.terms!.colbert - 0.5 * alone.value) < 1e-12)
    #expect(Array(slopes[..<3]) == Array(wholeSlopes[..<3]))
    let expected = narrow.values.map { Double($0) * 1.5 * 0.5 / 8 }
    #expect(largestDifference(slopes[3], expected) < 1e-7)
  }
}

/// `Fixtures/losses/matryoshka.json`.
private struct Golden: Decodable {
  let width: Int
  let dimensions: [Int]
  let weights: [Double]
  let temperature: Double
  let teacher: [[Double]]
  let teacher_temperature: Double
  let lengths: [String: [Int]]
  let vectors: [String: [[Double]]]
  let losses: [String: Double]
  let gradients: [String: [String: [[Double]]]]

  init() throws {
    let file = URL(fileURLWithPath: fixture("losses/matryoshka.json"))
    self = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
  }

  func objective(_ name: String) -> Objective {
    let first = name == "without the whole" ? 1 : 0
    let matryoshka = Matryoshka(
      dimensions: Array(dimensions[first...]), weights: Array(weights[first...]), width: width)
    let distillation: Distillation = name == "margin_mse" ? .marginMSE : name == "kl" ? .kl : .none
    return Objective(
      temperature: temperature, distillation: distillation, teacherTemperature: teacher_temperature,
      matryoshka: matryoshka)
  }

  /// The gradients of the vectors, and the loss.
  func computed(_ objective: Objective, reduction: ScoreReduction) -> ([(String, [Float])], Double) {
    let pool = ThreadPool(threadCount: 2)
    let arena = Arena()
    func texts(_ name: String) -> EncodedTexts {
      let rows = arena.matrix(rows: vectors[name]!.count, columns: width)
      rows.assign(vectors[name]!.joined().map(Float.init))
      return EncodedTexts(
        vectors: TextVectors(rows: rows, starts: lengths[name]!.reduce(into: [0]) { $0.append($0.last! + $1) }))
    }
    let (queries, documents) = (texts("queries"), texts("documents"))
    let narrow = NarrowScoring(objective.narrowerDimensions)
    let scored = score(queries, documents, narrow, reduction: reduction, in: arena, on: pool)
    let own = documents.count / queries.count
    let targets = teacher.enumerated().map { query, scores in
      QueryTarget(columns: query * own..<(query + 1) * own, teacherScores: scores)
    }
    let losses = objective.losses(scored.matrices, targets: targets, step: 0, globalQueryCount: queries.count)
    let gradients = (queries.zeros(in: arena), documents.zeros(in: arena))
    scoreBackward(
      scored, queries, documents, narrow, reduction: reduction, into: gradients.0, gradients.1, on: pool)
    return (
      [("queries", gradients.0.vectors.rows.values), ("documents", gradients.1.vectors.rows.values)],
      losses.reduce(0) { $0 + $1.value }
    )
  }
}
