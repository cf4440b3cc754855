extension Configuration {
  /// `loss`: what is made small.
  package struct Loss: Codable, Equatable, Sendable {
    /// `objective`: ColBERT scores alone, or dense + sparse + ColBERT as BGE-M3 has it.
    package var objective = Objective.colbert
    /// `temperature`: scores are divided by it; `nil`: 0.02 for the style bge-m3, 1 for colbert.
    package var temperature: Double?
    /// `distillation`: how the rows' teacher scores enter; every row must have them then.
    package var distillation = Distillation.none
    /// `contrastive_weight`: of the loss with the positive as target; `nil`: 1, but 0 with `m3` and `margin_mse`.
    package var contrastiveWeight: Double?
    /// `distillation_weight`: of what the teacher adds.
    package var distillationWeight = 1.0
    /// `teacher_temperature`: teacher scores are divided by it.
    package var teacherTemperature = 1.0
    /// `self_distillation`: the ensemble of the unified objective teaches its parts.
    package var selfDistillation = false
    /// `self_distillation_start`: how many updates are made before it begins (FlagEmbedding's `self_distill_start_step`
    /// + 1).
    package var selfDistillationStart = 0
    /// `matryoshka`: how many first components of the vectors have a ColBERT loss each, descending, the whole ones usually
    /// first; `nil`: the whole ones alone.
    package var matryoshka: [Int]?
    /// `matryoshka_weights`: of those losses, which are added up; `nil`: 1 each.
    package var matryoshkaWeights: [Double]?
    /// `weights`: of the terms of the unified objective, whose sum is divided by 4 whatever they are.
    package var weights = LossWeights()
  }

  /// Which scores the loss is made of.
  package enum Objective: String, Codable, ConfigurationChoice {
    case colbert, unified
  }

  /// How a row's teacher scores enter the loss; with the unified objective, of each head.
  package enum Distillation: String, Codable, ConfigurationChoice {
    case none
    /// −Σ teacher · log softmax over the query's own documents is added.
    case kl
    /// As BGE-M3 does it: each own document is a target, as heavy as the teacher finds it, against all documents but the
    /// own ones before it.
    case m3
    /// The mean square of what the margin between positive and own negative lacks to the teacher's.
    case marginMSE = "margin_mse"
  }

  /// The weights of the terms of the unified objective.
  package struct LossWeights: Codable, Equatable, Sendable {
    package var dense = 1.0
    package var sparse = 0.1
    package var colbert = 1.0
    package var ensemble = 1.0
  }
}

extension Configuration.Loss {
  mutating func visit(_ visitor: inout some ConfigurationVisitor) {
    visitor.value("objective", &objective)
    visitor.value("temperature", &temperature, .null(or: .above(0)))
    visitor.value("distillation", &distillation)
    visitor.value("contrastive_weight", &contrastiveWeight, .null(or: .atLeast(0)))
    visitor.value("distillation_weight", &distillationWeight, .above(0))
    visitor.value("teacher_temperature", &teacherTemperature, .above(0))
    visitor.value("self_distillation", &selfDistillation)
    visitor.value("self_distillation_start", &selfDistillationStart, .atLeast(0))
    visitor.value("matryoshka", &matryoshka, .null(or: .dimensions))
    visitor.value("matryoshka_weights", &matryoshkaWeights, .null(or: .positiveNumbers))
    visitor.section("weights") { weights.visit(&$0) }
  }
}

extension Configuration.LossWeights {
  mutating func visit(_ visitor: inout some ConfigurationVisitor) {
    visitor.value("dense", &dense, .atLeast(0))
    visitor.value("sparse", &sparse, .atLeast(0))
    visitor.value("colbert", &colbert, .atLeast(0))
    visitor.value("ensemble", &ensemble, .atLeast(0))
  }
}
