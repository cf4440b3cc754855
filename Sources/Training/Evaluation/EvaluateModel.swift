package import Communication
import Datasets
import LateInteraction
import Logging
import Tensors

/// Searches a collection with a model, or reranks a run of it, measures the rankings and writes the files that are asked for. Collective: every
/// rank calls it.
package func evaluate(
  _ request: EvaluationRequest, communicator: any Communicator, console: Console
) throws -> Evaluation {
  let (path, folder) = (request.model, request.collection)
  let precision = try communicator.agreedPrecision(
    request.configuration?.model.precision ?? request.precision, console: console)
  let settings =
    request.configuration.map { ModelSettings($0, path: path, precision: precision) }
    ?? ModelSettings(path: path, precision: precision)
  let (model, collection, candidates) = try communicator.together("loading the model and the collection") {
    let collection = try RetrievalCollection(path: folder, judgements: request.judgements)
    let model = try LoadedModel(settings.forEvaluation, trains: false, on: ThreadPool.forRank())
    try model.checkDimension(request.dimension)
    return (
      model, collection,
      try request.rerank.map { try Candidates(path: $0, of: collection) }
    )
  }
  try communicator.requireSameFiles(
    model.folder.files + collection.files.all + [request.rerank].compactMap { $0 })
  for notice in model.notices + collection.notices + (candidates?.notices ?? []) { console.logger.info("\(notice)") }
  if model.hasNewHead {
    console.logger.warning("\(path) has no ColBERT head: this evaluates a random one, seed \(settings.seed)")
  }
  if request.run != nil || request.judgementsOutput != nil {
    // Before the search, which may take hours.
    try communicator.onRoot("looking at the ids") { try collection.checkIDsFitTREC() }
  }
  let documents =
    candidates.map { "reranking \($0.documents.count) of" } ?? "searching"
  console.logger.info(
    "\(documents) \(collection.documentCount) documents with \(collection.queries.count) queries on \(communicator.rankCount) ranks"
  )
  let evaluator = Evaluator(model, dimension: request.dimension, communicator: communicator)
  let evaluation = try candidates.map { try evaluator.evaluate(collection, only: $0) } ?? evaluator.evaluate(collection)
  try communicator.onRoot("writing the rankings") {
    if let file = request.perQuery { try evaluation.writeFigures(to: file) }
    if let file = request.run { try evaluation.writeRun(of: collection, to: file) }
    if let file = request.judgementsOutput { try writeJudgements(of: collection, to: file) }
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

extension LoadedModel {
  /// Refuses more components than the vectors have.
  func checkDimension(_ dimension: Int?) throws {
    let width = model.head.shape.dimension
    guard let dimension, dimension > width else { return }
    throw UsageError(
      "--dimension \(dimension) is more than the \(width) components that the vectors of \(folder.path) have; give \(width) or less"
    )
  }
}
