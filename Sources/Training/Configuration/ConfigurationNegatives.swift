extension Configuration {
  /// `negatives`: which documents a query is told from.
  package struct Negatives: Codable, Equatable, Sendable {
    /// `scope`: whose documents count.
    package var scope = Scope.global
    /// `random`: how many documents are drawn for each query from `corpus`, beside those of its row.
    package var random = 0
    /// `corpus`: a file of `{"text": …}` lines, or a folder with a `corpus.jsonl` as BEIR's have; `nil`: all documents of
    /// `data.train`.
    package var corpus: String?
    /// `gather`: what travels between ranks. The numbers are the same, the bytes on the wire are not.
    package var gather = Gather.documents
    /// `gather_bytes`: how much of all gathered documents and their gradients a rank holds at once; more come in blocks.
    package var gatherBytes = 1_000_000_000
    /// `mask`: which of those documents are left out.
    package var mask = Mask.none
  }

  /// Whose documents are a query's negatives.
  package enum Scope: String, Codable, ConfigurationChoice {
    /// The whole global batch's.
    case global
    /// The rank's own; the one setting that makes the result depend on the number of ranks.
    case rank
    /// The query's own: its row's, and those drawn for it at random. The same result on any number of ranks.
    case own
  }

  /// What travels between ranks.
  package enum Gather: String, Codable, ConfigurationChoice {
    case documents, queries
    /// For each batch whichever is fewer bytes.
    case auto
  }

  /// Which documents are left out of a query's negatives.
  package enum Mask: String, Codable, ConfigurationChoice {
    case none
    /// Whatever has the text of a positive of the query, or of an equal query: false negatives.
    case duplicates
  }
}

extension Configuration.Negatives {
  mutating func visit(_ visitor: inout some ConfigurationVisitor) {
    visitor.value("scope", &scope)
    visitor.value("random", &random, .atLeast(0))
    visitor.value("corpus", &corpus, .null(or: .corpus))
    visitor.value("gather", &gather)
    visitor.value("gather_bytes", &gatherBytes, .atLeast(1))
    visitor.value("mask", &mask)
  }
}
