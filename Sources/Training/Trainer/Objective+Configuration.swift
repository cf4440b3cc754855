import LateInteraction

extension Objective {
  /// What a configuration says of the loss.
  ///
  /// - Parameter width: how many components the model's vectors have.
  init(_ loss: Configuration.Loss, defaultTemperature: Double, width: Int) throws {
    if let problem = loss.dimensionProblem(width: width) {
      throw UsageError("loss.matryoshka: \(problem.message)")
    }
    let dimensions = loss.matryoshka ?? [width]
    let weights = loss.weights
    self.init(
      temperature: loss.temperature ?? defaultTemperature,
      unified: loss.objective == .colbert
        ? nil
        : UnifiedTerms(
          dense: weights.dense, sparse: weights.sparse, colbert: weights.colbert, ensemble: weights.ensemble),
      distillation: Distillation(loss.distillation), contrastiveWeight: loss.contrastiveWeight,
      distillationWeight: loss.distillationWeight, teacherTemperature: loss.teacherTemperature,
      selfDistillationStart: loss.selfDistillation ? loss.selfDistillationStart : nil,
      matryoshka: Matryoshka(
        dimensions: dimensions, weights: loss.matryoshkaWeights ?? dimensions.map { _ in 1 }, width: width))
  }
}

extension ReachedHeads {
  /// Those that a configuration's objective depends on.
  init(_ loss: Configuration.Loss) {
    guard loss.objective == .unified else {
      self.init(colbert: true, sparse: false)
      return
    }
    let both = loss.weights.ensemble > 0 || loss.selfDistillation
    self.init(colbert: both || loss.weights.colbert > 0, sparse: both || loss.weights.sparse > 0)
  }
}

extension Distillation {
  fileprivate init(_ distillation: Configuration.Distillation) {
    self =
      switch distillation {
      case .none: .none
      case .kl: .kl
      case .m3: .m3
      case .marginMSE: .marginMSE
      }
  }
}
