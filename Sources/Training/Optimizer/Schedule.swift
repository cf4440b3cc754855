internal import Foundation

/// The learning rate's factor over a run: a linear warm-up, then one of three shapes.
package struct Schedule: Sendable, Equatable {
  package enum Shape: String, Sendable, CaseIterable {
    case constant, linear, cosine
  }

  package let shape: Shape
  package let warmupSteps: Int
  package let totalSteps: Int

  /// - Parameter warmup: below 1 a share of the steps, rounded up; else a number of steps.
  package init(_ shape: Shape, warmup: Double, totalSteps: Int) {
    self.shape = shape
    self.totalSteps = totalSteps
    warmupSteps = warmup < 1 ? Int((warmup * Double(totalSteps)).rounded(.up)) : Int(warmup)
  }

  /// What the learning rate is multiplied by at `step`, counted from 0.
  package func factor(at step: Int) -> Double {
    if step < warmupSteps { return Double(step + 1) / Double(warmupSteps) }
    let rest = Double(max(1, totalSteps - warmupSteps))
    let progress = Double(step - warmupSteps) / rest
    return switch shape {
    case .constant: 1
    case .linear: max(0, 1 - progress)
    case .cosine: 0.5 * (1 + cos(.pi * min(1, progress)))
    }
  }
}
