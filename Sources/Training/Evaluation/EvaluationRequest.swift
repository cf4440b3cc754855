/// What `colbert evaluate` is asked for.
package struct EvaluationRequest: Codable, Sendable {
  /// The model's folder.
  package let model: String
  /// The collection's folder.
  package let collection: String
  /// Gives lengths, precision, and the dimension and seed of a head that the model's folder has not; nil: the folder's own.
  package let configuration: Configuration?
  /// Of the encoder's products, if there is no configuration.
  package let precision: Configuration.Precision
  /// How many first components of the vectors count; nil: all.
  package let dimension: Int?
  /// The judgements to take in the place of the collection's; nil: its own.
  package let judgements: String?
  /// A TREC run of which the documents are scored again, instead of a search; nil: a search.
  package let rerank: String?
  /// Where each query's figures go, a JSON object a line.
  package let perQuery: String?
  /// Where the rankings go, as a TREC run.
  package let run: String?
  /// Where the judgements go, as TREC's qrels.
  package let judgementsOutput: String?

  package init(
    model: String, collection: String, configuration: Configuration?, precision: Configuration.Precision,
    dimension: Int?, judgements: String?, rerank: String?, perQuery: String?, run: String?, judgementsOutput: String?
  ) {
    self.model = model
    self.collection = collection
    self.configuration = configuration
    self.precision = precision
    self.dimension = dimension
    self.judgements = judgements
    self.rerank = rerank
    self.perQuery = perQuery
    self.run = run
    self.judgementsOutput = judgementsOutput
  }
}
