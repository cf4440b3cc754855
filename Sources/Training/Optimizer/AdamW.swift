internal import Foundation
package import LateInteraction
package import Tensors

/// How AdamW treats the parameters of a run.
package struct AdamWSettings: Sendable, Equatable {
  package var learningRate: Double
  /// For the ColBERT head; nil: as the encoder.
  package var headLearningRate: Double?
  package var weightDecay: Double
  /// Whether biases and the norms' vectors decay too.
  package var decaysVectors: Bool
  package var betas: (Double, Double) { (firstBeta, secondBeta) }
  package var firstBeta: Double
  package var secondBeta: Double
  package var epsilon: Double
  /// The gradient is scaled down to this norm if it is longer; nil: never.
  package var clipNorm: Double?

  package init(
    learningRate: Double, headLearningRate: Double?, weightDecay: Double, decaysVectors: Bool,
    betas: (Double, Double), epsilon: Double, clipNorm: Double?
  ) {
    self.learningRate = learningRate
    self.headLearningRate = headLearningRate
    self.weightDecay = weightDecay
    self.decaysVectors = decaysVectors
    firstBeta = betas.0
    secondBeta = betas.1
    self.epsilon = epsilon
    self.clipNorm = clipNorm
  }
}

/// AdamW over the flat buffers of a model.
package final class AdamW {
  package var firstMoments: Storage
  package var secondMoments: Storage
  private let settings: AdamWSettings
  private let groups: [Group]
  private let pool: ThreadPool

  /// A stretch of the flat buffers that is treated alike.
  private struct Group {
    var range: Range<Int>
    /// The word table, whose gradient is stored by rows.
    let isWords: Bool
    let learningRate: Double
    let weightDecay: Double

    func continues(_ other: Group) -> Bool {
      !isWords && !other.isWords && range.lowerBound == other.range.upperBound && learningRate == other.learningRate
        && weightDecay == other.weightDecay
    }
  }

  package init(_ settings: AdamWSettings, _ layout: ParameterLayout, on pool: ThreadPool) {
    self.settings = settings
    self.pool = pool
    firstMoments = Storage(zeros: layout.trainedCount)
    secondMoments = Storage(zeros: layout.trainedCount)
    groups = layout.trained.reduce(into: []) { groups, tensor in
      let decays = tensor.isReached && (tensor.isMatrix || settings.decaysVectors)
      let group = Group(
        range: tensor.range!, isWords: tensor == layout.trainedWords,
        learningRate: tensor.part == .head ? settings.headLearningRate ?? settings.learningRate : settings.learningRate,
        weightDecay: decays ? settings.weightDecay : 0)
      if let last = groups.last, group.continues(last) {
        groups[groups.count - 1].range = last.range.lowerBound..<group.range.upperBound
      } else {
        groups.append(group)
      }
    }
  }

  /// ‖gradients‖ over all trained tensors, the same bits on every rank that holds the same gradients.
  package func norm(_ parameters: Parameters) -> Double {
    let words = parameters.wordGradients.map { squaredNorm($0.values, on: pool) } ?? 0
    return (words + squaredNorm(parameters.allGradients, on: pool)).squareRoot()
  }

  /// Changes the parameters by one update.
  ///
  /// - Parameters:
  ///   - step: counted from 0.
  ///   - factor: the schedule's.
  ///   - norm: the gradients' norm, for clipping as `torch.nn.utils.clip_grad_norm_` does it.
  package func update(_ parameters: Parameters, step: Int, factor: Double, norm: Double) {
    let scale = settings.clipNorm.map { min(1, $0 / (norm + 1e-6)) } ?? 1
    for group in groups {
      let update = AdamWStep(
        learningRate: Float(group.learningRate * factor), weightDecay: Float(group.weightDecay),
        betas: settings.betas, epsilon: Float(settings.epsilon), gradientScale: Float(scale), update: step + 1)
      func part(_ storage: borrowing Storage) -> Matrix {
        storage.matrix(at: group.range.lowerBound, rows: 1, columns: group.range.count)
      }
      let (values, first, second) = (part(parameters.values), part(firstMoments), part(secondMoments))
      guard group.isWords, let words = parameters.wordGradients else {
        adamW(
          update, values: values, gradients: parameters.gradients(group.range), firstMoments: first,
          secondMoments: second, on: pool)
        continue
      }
      func table(_ row: Matrix) -> Matrix { row.reshaped(rows: words.rowCount, columns: words.columns) }
      adamW(
        update, values: table(values), gradients: words, firstMoments: table(first), secondMoments: table(second),
        on: pool)
    }
  }
}
