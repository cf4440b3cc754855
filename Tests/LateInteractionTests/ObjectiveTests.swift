import LateInteraction
import TestSupport
import Tensors
import Testing

@Suite struct ObjectiveTests {
  static let weights = UnifiedTerms(dense: 1, sparse: 0.1, colbert: 1, ensemble: 1)
  static let objectives =
    weighted
    + [Distillation.none, .kl, .m3, .marginMSE].flatMap { distillation in
      [
        Objective(temperature: 1, distillation: distillation, teacherTemperature: 2),
        Objective(temperature: 1, unified: weights, distillation: distillation),
        Objective(
          temperature: 1, unified: UnifiedTerms(dense: 0.5, sparse: 0.7, colbert: 0, ensemble: 2),
          distillation: distillation, selfDistillationStart: 3),
      ]
    }

  private static let weighted = [Distillation.kl, .m3, .marginMSE].flatMap { distillation in
    [0, 0.5].map {
      Objective(temperature: 1, distillation: distillation, contrastiveWeight: $0, distillationWeight: 0.3)
    }
  }

  @Test(arguments: objectives, [(temperature: 0.02, masks: false), (1, false), (0.02, true)])
  func agreesWithTheTwin(objective: Objective, at: (temperature: Double, masks: Bool)) {
    var objective = objective
    let temperature = at.temperature
    objective.temperature = temperature
    for shape in ScoresExample.shapes {
      // Scores of cosines for a low temperature, of sums over tokens for 1.
      let example = ScoresExample(shape, objective.heads, scale: temperature == 1 ? 30 : 1, masks: at.masks)
      let point = example.doubles
      let twin = NaiveObjective(objective, targets: example.targets, globalQueryCount: 11, step: 3, at: point)
      let losses = example.losses(objective, globalQueryCount: 11)
      let loss = losses.reduce(0) { $0 + $1.value }
      #expect(abs(loss - twin.loss(point)) <= 1e-12 * max(1, abs(loss)))
      for (head, matrix) in example.heads.enumerated() {
        let slopes = centralDifferences(point[head], step: 1e-5 * temperature) {
          var moved = point
          moved[head] = $0
          return twin.loss(moved)
        }
        // A margin's error, unlike a softmax, has a slope without bound.
        let largest = slopes.reduce(1 / temperature) { max($0, abs($1)) }
        #expect(largestDifference(matrix.values, slopes) < 1e-6 * largest, "head \(head)")
      }
    }
  }

  /// More of everything changes nothing, so each row of a gradient sums to zero.
  @Test(arguments: objectives)
  func aGradientRowSumsToZero(objective: Objective) {
    let example = ScoresExample([1, 3, 2, 4, 2], objective.heads)
    _ = example.losses(objective)
    for matrix in example.heads {
      for row in 0..<5 {
        let slopes = matrix.row(row)
        #expect(abs(slopes.reduce(0, +)) < 1e-6 * slopes.reduce(1) { max($0, abs($1)) })
      }
    }
  }

  @Test(arguments: objectives, [1, 2, 3])
  func partsAddUpToTheWhole(objective: Objective, size: Int) {
    let whole = ScoresExample([2, 1, 3, 2, 2], objective.heads)
    let parts = ScoresExample([2, 1, 3, 2, 2], objective.heads)
    let losses = whole.losses(objective)
    let ofParts = stride(from: 0, to: 5, by: size).flatMap { first in
      parts.losses(objective, of: first..<min(5, first + size))
    }
    #expect(ofParts == losses)
    #expect(parts.heads.map { bits($0.values) } == whole.heads.map { bits($0.values) })
  }

  /// It is as if the masked documents were not there.
  @Test(arguments: objectives)
  func maskedDocumentsAreInNoSum(objective: Objective) {
    let example = ScoresExample([3, 1, 4], objective.heads, masks: true)
    let target = example.targets[2]
    let kept = (0..<8).filter { !target.masked.contains($0) }
    let own = target.columns.filter(kept.contains)
    let smaller = example.heads.map { head in TestMatrix(kept.map { head.matrix[2, $0] }, rows: 1, columns: kept.count)
    }
    let first = kept.firstIndex(of: own[0])!
    let alone = objective.losses(
      smaller.count == 1
        ? ScoreMatrices(colbert: smaller[0].matrix)
        : ScoreMatrices(colbert: smaller[2].matrix, dense: smaller[0].matrix, sparse: smaller[1].matrix),
      targets: [
        QueryTarget(
          columns: first..<first + own.count, teacherScores: own.map { target.teacherScores![$0 - own[0]] })
      ], step: 3, globalQueryCount: 3)
    #expect(example.losses(objective)[2] == alone[0])
    for (head, reduced) in zip(example.heads, smaller) {
      for column in target.masked { #expect(head.matrix[2, column] == 0) }
      #expect(kept.map { head.matrix[2, $0] } == reduced.values)
    }
  }

  /// It is as if the documents out of scope were not there.
  @Test(arguments: objectives)
  func documentsOutOfScopeAreInNoSum(objective: Objective) {
    let masked = ScoresExample([3, 1, 4], objective.heads)
    let scoped = ScoresExample([3, 1, 4], objective.heads)
    let target = masked.targets[2]
    // Scope and mask may overlap.
    let scope = [1..<3, 4..<8]
    func losses(_ example: ScoresExample, masked: [Int], scope: [Range<Int>]?) -> [QueryLoss] {
      let rows = example.heads.map { $0.matrix.rows(2..<3) }
      return objective.losses(
        rows.count == 1
          ? ScoreMatrices(colbert: rows[0]) : ScoreMatrices(colbert: rows[2], dense: rows[0], sparse: rows[1]),
        targets: [
          QueryTarget(columns: target.columns, teacherScores: target.teacherScores, masked: masked, scope: scope)
        ], step: 3, globalQueryCount: 3)
    }
    #expect(losses(scoped, masked: [0, 2, 6], scope: scope) == losses(masked, masked: [0, 2, 3, 6], scope: nil))
    #expect(scoped.heads.map { bits($0.values) } == masked.heads.map { bits($0.values) })
  }

  @Test func theEnsembleTeachesFromItsStartOn() {
    let objective = Objective(temperature: 0.5, unified: Self.weights, selfDistillationStart: 2)
    let without = Objective(temperature: 0.5, unified: Self.weights)
    func values(_ objective: Objective, step: Int) -> [Double] {
      ScoresExample([2, 2], .all).losses(objective, step: step).map(\.value)
    }
    #expect(values(objective, step: 1) == values(without, step: 1))
    #expect(values(objective, step: 2) != values(without, step: 2))
    #expect(values(objective, step: 3) == values(objective, step: 2))
  }

  @Test func saysWhatTheUnifiedLossIsMadeOf() {
    let losses = ScoresExample([2, 3], .all).losses(Objective(temperature: 0.5, unified: Self.weights))
    for loss in losses {
      let terms = loss.terms!
      let sum = terms.dense + 0.1 * terms.sparse + terms.colbert + terms.ensemble
      #expect(abs(loss.value - sum / 4) < 1e-15)
    }
    let colbert = ScoresExample([2, 3], .colbert).losses(Objective(temperature: 0.5))
    #expect(colbert.allSatisfy { $0.terms == nil })
    // Both examples draw the same ColBERT scores.
    #expect(zip(losses, colbert).allSatisfy { abs($0.terms!.colbert - $1.value) < 1e-15 })
  }

  @Test(arguments: [Distillation.none, .kl, .m3])
  func extremeScoresStayFinite(distillation: Distillation) {
    let scores = TestMatrix([1e4, -1e4, 0, -1e4, 1e4, 0], rows: 2, columns: 3)
    let targets = [1e6, -1e6].map { QueryTarget(columns: 0..<2, teacherScores: [$0, 0]) }
    let loss = Objective(temperature: 0.02, distillation: distillation).losses(
      ScoreMatrices(colbert: scores.matrix), targets: targets, step: 0, globalQueryCount: 2)
    // The teacher is sure: of the positive in the first row, of the negative in the second.
    let expected: [Distillation: Double] = [.none: 1e6 / 2, .kl: 1e6 / 2, .m3: 0]
    #expect(abs(loss[0].value) < 1e-12)
    #expect(abs(loss[1].value - expected[distillation]!) < 1e-6)
    #expect(Array(scores.values[..<3]) == [0, 0, 0])
    let slope: Double = distillation == .m3 ? 0 : 25
    #expect(largestDifference(Array(scores.values[3...]), [-slope, slope, 0]) < 1e-5)
  }

  @Test func whatIsNoNumberShows() {
    let example = ScoresExample([2, 2], .all)
    example.heads[1].matrix[1, 2] = .nan
    let losses = example.losses(Objective(temperature: 0.5, unified: Self.weights))
    #expect(losses[0].value.isFinite && losses[1].value.isNaN)
  }

  @Test func noQueriesNoLoss() {
    let scores = TestMatrix(zeros: 0, 5)
    let losses = Objective(temperature: 1).losses(
      ScoreMatrices(colbert: scores.matrix), targets: [], step: 0, globalQueryCount: 3)
    #expect(losses == [])
  }
}

/// Random scores of queries with some own documents each, for every head that is wanted.
private final class ScoresExample {
  /// How many own documents each query has.
  static let shapes = [[1], [5], [3, 1, 2], [2, 2, 2, 2, 2], [4, 11]]

  /// ColBERT's, or dense, sparse and ColBERT's: `[queries × documents]`.
  let heads: [TestMatrix]
  let targets: [QueryTarget]

  init(_ ownCounts: [Int], _ wanted: Heads, scale: Float = 1, masks: Bool = false) {
    var numbers = TestNumbers(seed: UInt64(ownCounts.count))
    let starts = ownCounts.reduce(into: [0]) { $0.append($0.last! + $1) }
    targets = ownCounts.indices.map {
      QueryTarget(
        columns: starts[$0]..<starts[$0 + 1], teacherScores: numbers.floats(ownCounts[$0]).map { Double($0) * 3 },
        masked: masks ? (0..<starts.last!).filter { [query = $0] in ($0 + query) % 3 == 1 && $0 != starts[query] } : [])
    }
    let colbert = TestMatrix(
      numbers.floats(ownCounts.count * starts.last!).map { $0 * scale }, rows: ownCounts.count, columns: starts.last!)
    let others = (0..<2).map { _ in
      TestMatrix(
        numbers.floats(colbert.matrix.count).map { $0 * scale }, rows: ownCounts.count, columns: starts.last!)
    }
    heads = wanted == .all ? others + [colbert] : [colbert]
  }

  var doubles: [[Double]] { heads.map(\.doubles) }

  /// The losses of some queries, all if nil; gradients take the scores' place.
  func losses(
    _ objective: Objective, of part: Range<Int>? = nil, step: Int = 3, globalQueryCount: Int? = nil
  ) -> [QueryLoss] {
    let queries = part ?? targets.indices
    let rows = heads.map { $0.matrix.rows(queries) }
    let scores =
      rows.count == 1
      ? ScoreMatrices(colbert: rows[0]) : ScoreMatrices(colbert: rows[2], dense: rows[0], sparse: rows[1])
    return objective.losses(
      scores, targets: Array(targets[queries]), step: step, globalQueryCount: globalQueryCount ?? targets.count)
  }
}
