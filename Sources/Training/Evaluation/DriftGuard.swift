import Communication
import Datasets
import LateInteraction
import Logging
import Tensors

/// Watches, while a model of BGE-M3's kind learns, whether its dense and sparse scores still find what they found before.
///
/// Training for ColBERT scores moves the hidden states that all three heads read. What counts for those who search with
/// the other two is which documents they get, so rankings are compared: each query's first documents among all of the
/// evaluation set, by the starting model and by the model as it is. Vectors would not tell: turned all alike they rank as
/// before, and moved by little they may not, since BGE-M3's cosines lie close together.
struct DriftGuard {
  /// By the starting model; complete on rank 0. Ten numbers a query and head: no vector is kept.
  let start: HybridRankings
  private let bound: Double
  private let isUnified: Bool

  /// Searches `collection` with the model of the configuration's folder, which a run that goes on from a checkpoint began
  /// with too; nil when there is nothing to watch. Collective: every rank calls it.
  init?(
    _ setup: TrainingSetup, _ collection: RetrievalCollection, communicator: any Communicator, console: Console
  ) throws {
    guard let bound = setup.configuration.evaluation.agreementBound, setup.model.model.sparse != nil else { return nil }
    guard setup.model.model.parameters.layout.changesHybridScores else {
      console.logger.info(
        "agreement with the starting model: dense and sparse scores stay as they are, only the ColBERT head learns")
      return nil
    }
    console.logger.info(
      "agreement with the starting model: searching \(collection.documentCount) documents by its dense and sparse scores"
    )
    communicator.context = "searching with the starting model"
    let model = try communicator.together("loading the starting model") {
      let settings = ModelSettings(setup.configuration, precision: setup.model.model.encoder.precision)
      return try LoadedModel(settings.forEvaluation, trains: false, on: setup.model.model.pool)
    }
    start = try Evaluator(model, communicator: communicator).hybridRankings(collection)
    self.bound = bound
    isUnified = setup.configuration.loss.objective == .unified
  }

  /// What to say if too little is left of the starting model's rankings.
  func warning(_ agreement: Agreement) -> String? {
    let heads = [("dense", agreement.dense), ("sparse", agreement.sparse)].filter { $0.1 < bound }
    guard !heads.isEmpty else { return nil }
    let shares = heads.map { "\(ProgressFormat.decimals(100 * $0.1, 0))% by \($0.0) scores" }.joined(separator: " and ")
    let unified = isUnified ? "" : "train all three scores (loss.objective: unified), "
    return """
      of the \(HybridRankings.length) documents that the starting model finds first, this one finds \(shares), less than \
      evaluation.agreement_bound: \(bound). If these scores are used too, lower optimizer.learning_rate, train fewer layers \
      (model.train), \(unified)or mix the result with the starting model (colbert export --merge 0.5)
      """
  }
}

extension Agreement {
  /// For a line of the log.
  var description: String {
    "agreement with the start: dense \(ProgressFormat.decimals(dense, 3)), sparse \(ProgressFormat.decimals(sparse, 3))"
  }
}

extension ParameterLayout {
  /// Whether training moves what dense and sparse scores come from: hidden states, or the sparse head.
  fileprivate var changesHybridScores: Bool {
    trained.contains { $0.part != .head || $0.isReached && $0.name.hasPrefix("\(SparseHead.name).") }
  }
}
