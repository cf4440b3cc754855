extension Configuration {
  /// Keys that are good by themselves and make no sense together: the key to change, and the message.
  var contradictions: [(key: String, message: String)] {
    var found: [(key: String, message: String)] = []
    if loss.selfDistillation, loss.objective != .unified {
      found.append(
        (
          "loss.self_distillation",
          "the ensemble of dense, sparse and ColBERT scores teaches them, so it needs loss.objective: unified"
        ))
    }
    if loss.distillation != .none, data.negativesPerQuery == 0 {
      found.append(
        (
          "loss.distillation",
          "a teacher compares a query's own documents, so it needs data.negatives_per_query of 1 or more"
        ))
    }
    if loss.distillation == .none, loss.contrastiveWeight == 0 {
      found.append(
        ("loss.contrastive_weight", "without loss.distillation nothing else is learned from, so it must be above 0"))
    }
    if loss.distillation == .none, loss.distillationWeight != 1 {
      found.append(("loss.distillation_weight", "nothing is distilled; give loss.distillation"))
    }
    if let problem = loss.matryoshkaWeightsProblem { found.append(("loss.matryoshka_weights", problem)) }
    if negatives.scope == .own, data.negativesPerQuery == 0, negatives.random == 0 {
      found.append(
        (
          "negatives.scope",
          "own leaves a query nothing but its positive; give data.negatives_per_query or negatives.random 1 or more"
        ))
    }
    if negatives.corpus != nil, negatives.random == 0 {
      found.append(
        ("negatives.corpus", "nothing is drawn from it; set negatives.random to how many documents a query gets"))
    }
    if cache.directory != nil, model.train == .all {
      found.append(
        (
          "cache.directory",
          "it keeps what frozen layers compute, and model.train: all leaves none; train head or {top: K}"
        ))
    }
    if cache.directory == nil, cache.precision != .float32 {
      found.append(("cache.precision", "nothing is kept without cache.directory; give one"))
    }
    if evaluation.keepBest != nil, evaluation.data == nil {
      found.append(("evaluation.keep_best", "nothing is evaluated without evaluation.data; give a collection"))
    }
    if evaluation.earlyStop != nil, evaluation.keepBest == nil {
      found.append(
        ("evaluation.early_stop", "it needs a figure to tell better from worse; give evaluation.keep_best: ndcg@10"))
    }
    let weights = loss.weights
    if loss.objective == .unified, weights.dense + weights.sparse + weights.colbert + weights.ensemble == 0 {
      found.append(("loss.weights.dense", "all weights are 0, so there is nothing to learn; give one more"))
    }
    return found + mining.contradictions
  }
}

extension Configuration.Loss {
  fileprivate var matryoshkaWeightsProblem: String? {
    guard let weights = matryoshkaWeights else { return nil }
    guard let matryoshka else { return "they weigh the losses of loss.matryoshka; give its dimensions" }
    guard weights.count != matryoshka.count else { return nil }
    return "\(weights.count) weights for the \(matryoshka.count) dimensions of loss.matryoshka; give one for each"
  }
}
