import LateInteraction
import Tokenizers

extension Configuration.Loss {
  /// Which scores the loss is of, and what teaches them.
  fileprivate var summary: String {
    let scores = objective == .unified ? "of dense, sparse and ColBERT scores and their ensemble" : "of ColBERT scores"
    let teachers =
      (distillation == .none ? [] : ["distillation \(distillation.rawValue)"])
      + (selfDistillation ? ["self-distillation"] : [])
      + (matryoshka.map { ["Matryoshka (the first \($0.map(String.init).joined(separator: ", ")) components)"] } ?? [])
    return ([scores] + teachers).joined(separator: ", ")
  }
}

/// `README.md` of a model: how it was trained.
///
/// - Parameters:
///   - rows: of the training data; nil where that is not known.
///   - notes: what was done to the model after its training, and how to use it.
func modelCard(
  _ configuration: Configuration, _ loaded: LoadedModel, temperature: Double, steps: Int, rows: Int?,
  evaluation: EvaluationResult?, notes: [String] = []
) -> String {
  let conventions = loaded.input.conventions
  let reduction =
    switch loaded.model.reduction {
    case .sum: "sum"
    case .mean: "mean"
    }
  var text = """
    ---
    tags:
    - ColBERT
    - late-interaction
    - sentence-similarity
    ---
    # A ColBERT model

    Fine-tuned from `\(configuration.model.path)`: each token becomes a vector of \(loaded.model.head.shape.dimension) floats, a \
    document's score is the \(reduction) over query tokens of the best match (MaxSim).

    - Queries up to \(conventions.queryMaxLength) tokens, documents up to \(conventions.documentMaxLength).
    - Trained for \(steps) steps of \(configuration.batch.queries) queries\(rows.map { " on \($0) rows" } ?? ""), contrastive loss \
    \(configuration.loss.summary) over all documents of the batch, temperature \(temperature).

    """
  text = String(text.dropLast()) + notes.map { "- \($0)\n" }.joined() + "\n"
  if let evaluation {
    text += """

      | nDCG@10 | MRR@10 | Recall@100 | MAP | queries | documents |
      |---|---|---|---|---|---|
      | \([evaluation.ndcgAt10, evaluation.mrrAt10, evaluation.recallAt100, evaluation.meanAveragePrecision].map { ProgressFormat.decimals($0, 4) }.joined(separator: " | ")) | \(evaluation.queries) | \(evaluation.documents) |

      """
  }
  return text + """

    ## Configuration

    ```yaml
    \(configuration.resolvedYAML)```

    """
}

/// `README.md` of a model that was only brought into another layout: the source's own, and what was done.
func modelCard(sourceCard: String?, _ loaded: LoadedModel, notes: [String]) -> String {
  let (conventions, head) = (loaded.input.conventions, loaded.model.head.shape)
  let own = """
    ---
    tags:
    - ColBERT
    - late-interaction
    - sentence-similarity
    ---
    # A ColBERT model

    Each token becomes a vector of \(head.dimension) floats, a document's score is the \
    \(loaded.model.reduction.rawValue) over query tokens of the best match (MaxSim). Queries up to \
    \(conventions.queryMaxLength) tokens, documents up to \(conventions.documentMaxLength).

    """
  return (sourceCard ?? own) + "\n## Export\n\n" + notes.map { "- \($0)\n" }.joined()
}
