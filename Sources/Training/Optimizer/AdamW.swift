package import Communication
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

/// AdamW over the flat buffers of a model, or over a rank's shard of them.
///
/// Sharded, a rank has the moments of its shard alone, updates its values, and gathers the others'. Every element's
/// update depends on nothing but its own numbers and the norm, so both ways give the same bits.
package final class AdamW {
  /// The part of the flat buffers that this rank updates: its shard, or all.
  package let held: Range<Int>
  /// Of `held`, as are the second moments.
  package var firstMoments: Storage
  package var secondMoments: Storage
  private let shards: ParameterShards
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

  package init(
    _ settings: AdamWSettings, _ layout: ParameterLayout, shards: ParameterShards, on pool: ThreadPool
  ) {
    self.settings = settings
    self.pool = pool
    self.shards = shards
    held = shards.held
    firstMoments = Storage(zeros: held.count)
    secondMoments = Storage(zeros: held.count)
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

  /// ‖gradients‖ over all trained tensors, the same bits on every rank, sharded or not.
  ///
  /// It is added up shard by shard even where a rank has all gradients. Collective: every rank calls it.
  package func norm(_ parameters: Parameters, _ communicator: any Communicator) throws -> Double {
    func squared(_ shard: Range<Int>) -> Double {
      parameters.storedGradients(shard).reduce(0) { $0 + squaredNorm($1, on: pool) }
    }
    guard shards.isSharded else { return shards.ranges.reduce(0) { $0 + squared($1) }.squareRoot() }
    return try communicator.allReduceSum([squared(held)])[0].squareRoot()
  }

  /// Changes the parameters by one update, the same on every rank. Collective: every rank calls it.
  ///
  /// - Parameters:
  ///   - step: counted from 0.
  ///   - factor: the schedule's.
  ///   - norm: the gradients' norm, for clipping as `torch.nn.utils.clip_grad_norm_` does it.
  package func update(
    _ parameters: Parameters, step: Int, factor: Double, norm: Double, _ communicator: any Communicator
  ) throws {
    updateHeld(parameters, step: step, factor: factor, norm: norm)
    if shards.isSharded { try parameters.gatherValues(shards, communicator) }
  }

  private func updateHeld(_ parameters: Parameters, step: Int, factor: Double, norm: Double) {
    let scale = settings.clipNorm.map { min(1, $0 / (norm + 1e-6)) } ?? 1
    for group in groups where group.range.overlaps(held) {
      let range = group.range.clamped(to: held)
      let update = AdamWStep(
        learningRate: Float(group.learningRate * factor), weightDecay: Float(group.weightDecay),
        betas: settings.betas, epsilon: Float(settings.epsilon), gradientScale: Float(scale), update: step + 1)
      func part(_ storage: borrowing Storage, from start: Int) -> Matrix {
        storage.matrix(at: range.lowerBound - start, rows: 1, columns: range.count)
      }
      let values = part(parameters.values, from: 0)
      let first = part(firstMoments, from: held.lowerBound)
      let second = part(secondMoments, from: held.lowerBound)
      guard group.isWords, let words = parameters.wordGradients else {
        adamW(
          update, values: values, gradients: parameters.gradients(range), firstMoments: first,
          secondMoments: second, on: pool)
        continue
      }
      // The word table is the first tensor: its floats have the same numbers in the flat buffers.
      adamW(
        update, part: range, values: values, gradients: words, firstMoments: first, secondMoments: second, on: pool)
    }
  }
}
