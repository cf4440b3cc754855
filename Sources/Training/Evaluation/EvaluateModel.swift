package import Communication
import Datasets
import LateInteraction
import Logging
import Tensors

/// Searches a collection with a model, measures the rankings and writes the files that are asked for. Collective: every
/// rank calls it.
package func evaluate(
  _ request: EvaluationRequest, communicator: any Communicator, console: Console
) throws -> Evaluation {
  let (path, folder) = (request.model, request.collection)
  let settings = request.configuration.map { ModelSettings($0, path: path) } ?? ModelSettings(path: path)
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
  if request.run != nil {
    // Before the search, which may take hours.
    try communicator.onRoot("looking at the ids") { try collection.checkIDsFitTREC() }
  }
  console.logger.info(
    "searching \(collection.documentCount) documents with \(collection.queries.count) queries on \(communicator.rankCount) ranks"
  )
  let evaluation = try Evaluator(model, communicator: communicator).evaluate(collection)
  try communicator.onRoot("writing the rankings") {
    if let file = request.perQuery { try evaluation.writeFigures(to: file) }
    if let file = request.run { try evaluation.writeRun(of: collection, to: file) }
  }
  return evaluation
}

extension ModelSettings {
  /// Only the head is copied; the encoder is read where its file is mapped.
  var forEvaluation: ModelSettings {
    var settings = self
    settings.trained = .head
    return settings
  }
}
