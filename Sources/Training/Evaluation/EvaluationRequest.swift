/// What `colbert evaluate` is asked for.
package struct EvaluationRequest: Codable, Sendable {
  /// The model's folder.
  package let model: String
  /// The collection's folder.
  package let collection: String
  /// Gives lengths, and the dimension and seed of a head that the model's folder has not; nil: the folder's own.
  package let configuration: Configuration?
  /// Where each query's figures go, a JSON object a line.
  package let perQuery: String?
  /// Where the rankings go, as a TREC run.
  package let run: String?

  package init(
    model: String, collection: String, configuration: Configuration?, perQuery: String? = nil, run: String? = nil
  ) {
    self.model = model
    self.collection = collection
    self.configuration = configuration
    self.perQuery = perQuery
    self.run = run
  }
}
