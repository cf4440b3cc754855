extension AdamWSettings {
  init(_ configuration: Configuration.Optimizer) {
    self.init(
      learningRate: configuration.learningRate, headLearningRate: configuration.headLearningRate,
      weightDecay: configuration.weightDecay, decaysVectors: configuration.decay == .all,
      betas: (configuration.betas[0], configuration.betas[1]), epsilon: configuration.epsilon,
      clipNorm: configuration.clipNorm)
  }
}

extension Schedule.Shape {
  init(_ schedule: Configuration.Schedule) {
    self =
      switch schedule {
      case .linear: .linear
      case .cosine: .cosine
      case .constant: .constant
      }
  }
}
