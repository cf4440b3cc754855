extension Configuration {
  /// `run`: how long, how often, and where it is kept.
  package struct Run: Codable, Equatable, Sendable {
    /// `directory`: of the run's files; when the file is silent, `runs/` and the file's name without its extension.
    package var directory = ""
    /// `epochs`: how often the data is seen.
    package var epochs = 1
    /// `steps`: overrides `epochs`; the data repeats.
    package var steps: Int?
    /// `seed`: of the data order, the dropout and a new head.
    package var seed = 42
    /// `checkpoint_every`: in steps.
    package var checkpointEvery = 500
    /// `keep`: the newest checkpoints that stay.
    package var keep = 2
    /// `evaluate_every`: in steps.
    package var evaluateEvery = 500
    /// `timeout`: seconds that a rank waits for the others before it ends the job.
    package var timeout = 600.0
    /// `overlap`: whether ranks exchange vectors and gradients while they still compute; changes no result.
    package var overlap = true
  }

  /// `evaluation`: what a run is measured on.
  package struct Evaluation: Codable, Equatable, Sendable {
    /// `data`: a folder in BEIR's layout: `corpus.jsonl`, `queries.jsonl`, `qrels/test.tsv`; `nil`: no evaluation.
    package var data: String?
    /// `agreement_bound`: a warning comes when less of what the starting model's dense or sparse scores rank first is left
    /// (as a share); `nil`: nobody looks. Of models that have these scores.
    package var agreementBound: Double? = 0.8
    /// `keep_best`: the finished model is that of the evaluation that was best by this figure; `nil`: that of the last step.
    package var keepBest: Figure?
    /// `early_stop`: the run ends after so many evaluations without a better one; `nil`: never before its last step.
    package var earlyStop: Int?

    /// What `keep_best` compares, by the names of `colbert evaluate --json`.
    package enum Figure: String, Codable, ConfigurationChoice {
      case mrrAt10 = "mrr@10"
      case ndcgAt10 = "ndcg@10"
      case recallAt100 = "recall@100"
      case meanAveragePrecision = "map"
      case successAt5 = "success@5"
    }
  }
}

extension Configuration.Run {
  mutating func visit(_ visitor: inout some ConfigurationVisitor) {
    visitor.value("directory", &directory, .given("the folder of the run's files"))
    visitor.value("epochs", &epochs, .atLeast(1))
    visitor.value("steps", &steps, .null(or: .atLeast(1)))
    visitor.value("seed", &seed, .atLeast(0))
    visitor.value("checkpoint_every", &checkpointEvery, .atLeast(1))
    visitor.value("keep", &keep, .atLeast(1))
    visitor.value("evaluate_every", &evaluateEvery, .atLeast(1))
    visitor.value("timeout", &timeout, .above(0))
    visitor.value("overlap", &overlap)
  }
}

extension Configuration.Evaluation {
  mutating func visit(_ visitor: inout some ConfigurationVisitor) {
    visitor.value("data", &data, .null(or: .given("a folder in BEIR's layout")))
    visitor.value("agreement_bound", &agreementBound, .null(or: .upToOne))
    visitor.value("keep_best", &keepBest)
    visitor.value("early_stop", &earlyStop, .null(or: .atLeast(1)))
  }
}
