extension Configuration {
  /// `optimizer`: AdamW and the schedule of its learning rate.
  package struct Optimizer: Codable, Equatable, Sendable {
    /// `learning_rate`: at the top of the schedule.
    package var learningRate = 1e-5
    /// `head_learning_rate`: the projection's; `nil`: `learning_rate`.
    package var headLearningRate: Double?
    /// `weight_decay`: per step, as a share of the learning rate.
    package var weightDecay = 0.01
    /// `decay`: which parameters decay.
    package var decay = Decay.matrices
    /// `betas`: how much of the first and of the second moment stays, two numbers.
    package var betas = [0.9, 0.999]
    /// `epsilon`: added to the square root of the second moment.
    package var epsilon = 1e-8
    /// `clip_norm`: the longest gradient that is applied, over all trained tensors; `nil`: any.
    package var clipNorm: Double? = 1.0
    /// `warmup`: below 1 a share of the steps, rounded up; else steps.
    package var warmup = 0.1
    /// `schedule`: what the learning rate does after the warm-up.
    package var schedule = Schedule.linear
    /// `sharding`: whether each rank keeps all moments or its share of them.
    package var sharding = Sharding.none
  }

  /// Which parameters decay.
  package enum Decay: String, Codable, ConfigurationChoice {
    /// All but biases and norms.
    case matrices
    /// Every trained parameter that the objective reaches.
    case all
  }

  /// What the learning rate does after the warm-up of w steps, as a factor at step s of S, counted from 0.
  package enum Schedule: String, Codable, ConfigurationChoice {
    /// (S−s)/(S−w)
    case linear
    /// ½(1+cos π(s−w)/(S−w))
    case cosine
    /// 1
    case constant
  }

  /// Who keeps the optimiser's moments.
  package enum Sharding: String, Codable, ConfigurationChoice {
    case none, ranks
  }
}

extension Configuration.Optimizer {
  mutating func visit(_ visitor: inout some ConfigurationVisitor) {
    visitor.value("learning_rate", &learningRate, .atLeast(0))
    visitor.value("head_learning_rate", &headLearningRate, .null(or: .atLeast(0)))
    visitor.value("weight_decay", &weightDecay, .atLeast(0))
    visitor.value("decay", &decay)
    visitor.value("betas", &betas, .betas)
    visitor.value("epsilon", &epsilon, .above(0))
    visitor.value("clip_norm", &clipNorm, .null(or: .above(0)))
    visitor.value("warmup", &warmup, .warmup)
    visitor.value("schedule", &schedule)
    visitor.value("sharding", &sharding)
  }
}
