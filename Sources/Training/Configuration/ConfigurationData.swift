extension Configuration {
  /// `data`: what it is trained on.
  package struct Data: Codable, Equatable, Sendable {
    /// `train`: files of `{"query": …, "pos": […], "neg": […]}` lines, as FlagEmbedding writes them; at least one.
    package var train: [TrainingFile] = []
    /// `batches`: what a global batch is taken from.
    package var batches = Batches.mixed
    /// `query_max_length`: tokens, special ones, markers and expansion too; `nil`: the folder's, else 32.
    package var queryMaxLength: Int?
    /// `document_max_length`: tokens, special ones and markers too; `nil`: the folder's, else 180.
    package var documentMaxLength: Int?
    /// `negatives_per_query`: how many of a row's `neg` are drawn beside its positive.
    package var negativesPerQuery = 1
    /// `shuffle`: a new order each epoch, drawn positives and negatives; `false`: file order, first positive, first
    /// negatives.
    package var shuffle = true
  }

  /// What a global batch is taken from.
  package enum Batches: String, Codable, ConfigurationChoice {
    /// The rows of all files in one order.
    case mixed
    /// One file, another from batch to batch: FlagEmbedding's `same_dataset_within_batch`.
    case oneFile = "one_file"
  }
}

extension Configuration.Data {
  mutating func visit(_ visitor: inout some ConfigurationVisitor) {
    visitor.value("train", &train, .files)
    visitor.value("batches", &batches)
    visitor.value("query_max_length", &queryMaxLength, .null(or: .atLeast(3)))
    visitor.value("document_max_length", &documentMaxLength, .null(or: .atLeast(3)))
    visitor.value("negatives_per_query", &negativesPerQuery, .atLeast(0))
    visitor.value("shuffle", &shuffle)
  }
}
