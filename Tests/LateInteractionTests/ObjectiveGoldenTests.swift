import Foundation
import LateInteraction
import TestSupport
import Tensors
import Testing

/// Objectives with a teacher, beside what PyTorch makes of the same scores (`Fixtures/losses/make.py`).
@Suite struct ObjectiveGoldenTests {
  static let objectives: [(name: String, objective: @Sendable (Double, Double) -> Objective)] = [
    ("margin_mse", { Objective(temperature: $0, distillation: .marginMSE, teacherTemperature: $1) }),
    (
      "margin_mse + 0.5 contrastive",
      { Objective(temperature: $0, distillation: .marginMSE, contrastiveWeight: 0.5, teacherTemperature: $1) }
    ),
    ("kl alone", { Objective(temperature: $0, distillation: .kl, contrastiveWeight: 0, teacherTemperature: $1) }),
    (
      "0.3 kl + contrastive",
      { Objective(temperature: $0, distillation: .kl, distillationWeight: 0.3, teacherTemperature: $1) }
    ),
  ]

  @Test(arguments: objectives.indices)
  func agreesWithPyTorch(index: Int) throws {
    let file = URL(fileURLWithPath: fixture("losses/losses.json"))
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
    let (name, objective) = Self.objectives[index]
    let count = golden.scores.count
    let scores = TestMatrix(golden.scores.joined().map(Float.init), rows: count, columns: golden.scores[0].count)
    let targets = golden.teacher.enumerated().map { query, teacher in
      QueryTarget(columns: query * teacher.count..<(query + 1) * teacher.count, teacherScores: teacher)
    }
    let losses = objective(golden.temperature, golden.teacher_temperature).losses(
      ScoreMatrices(colbert: scores.matrix), targets: targets, step: 0, globalQueryCount: count)
    let (loss, expected) = (losses.reduce(0) { $0 + $1.value }, try #require(golden.losses[name]))
    #expect(abs(loss - expected) < 1e-12 * max(1, expected))
    let gradient = try #require(golden.gradients[name]).flatMap { $0 }
    // The slopes are float32's: half a unit in the last of 24 bits.
    let largest = gradient.reduce(0) { max($0, abs($1)) }
    #expect(largestDifference(scores.values, gradient) < 6e-8 * largest)
  }

  private struct Golden: Decodable {
    let temperature: Double
    let teacher_temperature: Double
    let scores: [[Double]]
    let teacher: [[Double]]
    let losses: [String: Double]
    let gradients: [String: [[Double]]]
  }
}
