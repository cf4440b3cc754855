import Checkpoints
import Foundation

/// The best evaluation of a run so far, for `evaluation.keep_best`. Part of each checkpoint's state, and the same on every
/// rank: all hold rank 0's figures.
struct BestEvaluation: Codable, Equatable {
  /// The step after which it was. A checkpoint of that step holds the parameters.
  let step: Int
  let result: EvaluationResult
  /// How many evaluations have come since, none of them better.
  private(set) var evaluationsSince = 0

  init(step: Int, result: EvaluationResult) {
    self.step = step
    self.result = result
  }

  /// Takes in a later evaluation: of equal ones the first is the best.
  mutating func take(_ later: BestEvaluation, by figure: Configuration.Evaluation.Figure) {
    if later.result[figure] > result[figure] {
      self = later
    } else {
      evaluationsSince += 1
    }
  }
}

extension BestEvaluation {
  /// What a checkpoint's state says; nil if the run does not compare evaluations or had none yet.
  init?(state: [String: String]) throws {
    guard let text = state[StateKey.best] else { return nil }
    self = try JSONDecoder().decode(BestEvaluation.self, from: Data(text.utf8))
  }
}

extension [CheckpointSummary] {
  /// The step of the best evaluation, by the newest checkpoint that is complete; nil if the run does not keep it.
  package var bestStep: Int? {
    let newest = first { $0.state == .complete }
    return newest.flatMap { try? BestEvaluation(state: $0.runState) }?.step
  }
}

extension EvaluationResult {
  subscript(figure: Configuration.Evaluation.Figure) -> Double {
    switch figure {
    case .mrrAt10: mrrAt10
    case .ndcgAt10: ndcgAt10
    case .recallAt100: recallAt100
    case .meanAveragePrecision: meanAveragePrecision
    case .successAt5: successAt5
    }
  }
}
