import Tensors

/// What TensorBoard shows of a step, under names that it groups by what stands before the stroke.
extension StepMetrics {
  var scalars: [(name: String, value: Double)] {
    [("train/loss", loss)]
      + (loss_terms.map { terms in
        [
          ("train/loss_dense", terms.dense), ("train/loss_sparse", terms.sparse), ("train/loss_colbert", terms.colbert),
          ("train/loss_ensemble", terms.ensemble),
        ]
      } ?? [])
      + [
        ("train/learning_rate", learning_rate), ("train/gradient_norm", gradient_norm),
        ("throughput/queries_per_second", queries_per_second), ("throughput/tokens_per_second", tokens_per_second),
      ]
      + StepPart.allCases.compactMap { part in seconds?[part.name].map { ("seconds/\(part.name)", $0) } }
  }
}

extension EvaluationResult {
  var scalars: [(name: String, value: Double)] {
    [
      ("evaluation/ndcg@10", ndcgAt10), ("evaluation/mrr@10", mrrAt10), ("evaluation/recall@100", recallAt100),
      ("evaluation/map", meanAveragePrecision), ("evaluation/success@5", successAt5),
    ]
  }
}
