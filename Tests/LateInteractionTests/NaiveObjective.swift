import Foundation
import LateInteraction

/// An objective's formulas in double, written out; a teacher within the scores stays what it was at one point.
struct NaiveObjective {
  private let objective: Objective
  private let targets: [QueryTarget]
  private let globalQueryCount: Int
  /// The softmax of each query's ensemble at that point; nil without self-distillation.
  private let selfTeachers: [[Double]]?

  /// - Parameter point: the scores of each head, `[queries × documents]`: ColBERT's, or dense, sparse and ColBERT's.
  init(_ objective: Objective, targets: [QueryTarget], globalQueryCount: Int, step: Int, at point: [[Double]]) {
    self.objective = objective
    self.targets = targets
    self.globalQueryCount = globalQueryCount
    let distillsItself = objective.selfDistillationStart.map { $0 <= step } ?? false
    selfTeachers =
      distillsItself
      ? targets.indices.map { query in
        let logits = Self.ensemble(Self.rows(point, query, of: targets.count).map(objective.logits))
        let columns = Self.unmasked(logits, targets[query])
        return logits.indices.map { columns.contains($0) ? exp(logSoftmax(logits, over: columns, $0)) : 0 }
      } : nil
  }

  func loss(_ scores: [[Double]]) -> Double {
    targets.indices.map { query in
      queryLoss(Self.rows(scores, query, of: targets.count).map(objective.logits), query)
    }.reduce(0, +) / Double(globalQueryCount)
  }

  private func queryLoss(_ heads: [[Double]], _ query: Int) -> Double {
    guard let weights = objective.unified else { return headLoss(heads[0], targets[query]) }
    let (dense, sparse, colbert) = (heads[0], heads[1], heads[2])
    let total =
      (weights.dense * headLoss(dense, targets[query]) + weights.sparse * headLoss(sparse, targets[query])
        + weights.colbert * headLoss(colbert, targets[query])
        + weights.ensemble * headLoss(Self.ensemble(heads), targets[query])) / 4
    guard let teacher = selfTeachers?[query] else { return total }
    func distance(_ logits: [Double]) -> Double {
      let columns = Self.unmasked(logits, targets[query])
      return -columns.map { teacher[$0] * logSoftmax(logits, over: columns, $0) }.reduce(0, +)
    }
    return (total + (distance(dense) + 0.1 * distance(sparse) + distance(colbert)) / 3) / 2
  }

  private func headLoss(_ logits: [Double], _ target: QueryTarget) -> Double {
    let all = Self.unmasked(logits, target)
    let own = target.columns.filter(all.contains)
    let hard = -objective.contrastiveWeight * logSoftmax(logits, over: all, own[0])
    guard objective.distillation != .none else { return hard }
    return hard + objective.distillationWeight * taught(logits, target, all: all, own: own)
  }

  private func taught(_ logits: [Double], _ target: QueryTarget, all: [Int], own: [Int]) -> Double {
    if objective.distillation == .marginMSE {
      let errors = own.dropFirst().map { column in
        let margin = target.teacherScores![0] - target.teacherScores![column - own[0]]
        return logits[own[0]] - logits[column] - margin / objective.teacherTemperature
      }
      return errors.isEmpty ? 0 : errors.map { $0 * $0 }.reduce(0, +) / Double(errors.count)
    }
    let powers = own.map { exp(target.teacherScores![$0 - own[0]] / objective.teacherTemperature) }
    let teacher = powers.map { $0 / powers.reduce(0, +) }
    if objective.distillation == .kl {
      return -own.enumerated().map { teacher[$0] * logSoftmax(logits, over: own, $1) }.reduce(0, +)
    }
    return -own.enumerated().map { i, column in
      let rest = all.filter { !own.prefix(i).contains($0) }
      return teacher[i] * logSoftmax(logits, over: rest, column)
    }.reduce(0, +)
  }

  private static func unmasked(_ logits: [Double], _ target: QueryTarget) -> [Int] {
    logits.indices.filter { !target.masked.contains($0) }
  }

  private static func ensemble(_ heads: [[Double]]) -> [Double] {
    heads[0].indices.map { heads[0][$0] + 0.3 * heads[1][$0] + heads[2][$0] }
  }

  private static func rows(_ scores: [[Double]], _ query: Int, of count: Int) -> [[Double]] {
    scores.map { Array($0[query * $0.count / count..<(query + 1) * $0.count / count]) }
  }
}

extension Objective {
  fileprivate func logits(_ scores: [Double]) -> [Double] { scores.map { $0 / temperature } }
}

/// log softmax of `logits` over some columns, at one of them.
private func logSoftmax(_ logits: [Double], over columns: [Int], _ column: Int) -> Double {
  let largest = columns.map { logits[$0] }.max()!
  return logits[column] - largest - log(columns.map { exp(logits[$0] - largest) }.reduce(0, +))
}
