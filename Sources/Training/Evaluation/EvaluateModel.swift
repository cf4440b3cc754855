package import Communication
import Datasets
import LateInteraction
import Logging
import Tensors

/// Searches a collection with a model and measures the rankings. Collective: every rank calls it.
///
/// - Parameter configuration: gives lengths, and the dimension and seed of a head that the model's folder has not.
package func evaluate(
  model path: String, collection folder: String, configuration: Configuration?, communicator: any Communicator,
  console: Console
) throws -> EvaluationResult {
  let settings = configuration.map { ModelSettings($0, path: path) } ?? ModelSettings(path: path)
  let (model, collection) = try communicator.together("loading the model and the collection") {
    (
      try LoadedModel(settings.forEvaluation, trains: false, on: ThreadPool.forRank()),
      try RetrievalCollection(path: folder)
    )
  }
  try communicator.requireSameFiles(model.folder.files + RetrievalCollection.files(in: folder))
  for notice in model.notices + collection.notices { console.logger.info("\(notice)") }
  if model.hasNewHead {
    console.logger.warning("\(path) has no ColBERT head: this evaluates a random one, seed \(settings.seed)")
  }
  console.logger.info(
    "searching \(collection.documentCount) documents with \(collection.queries.count) queries on \(communicator.rankCount) ranks"
  )
  return try Evaluator(model, communicator: communicator).evaluate(collection)
}

extension ModelSettings {
  /// Only the head is copied; the encoder is read where its file is mapped.
  var forEvaluation: ModelSettings {
    var settings = self
    settings.trained = .head
    return settings
  }
}
