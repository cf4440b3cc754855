extension Configuration {
  /// `batch`: how much one step sees, and how it is cut. The cut never changes the result.
  package struct Batch: Codable, Equatable, Sendable {
    /// `queries`: of the global batch, over all ranks and accumulation chunks.
    package var queries = 64
    /// `accumulation`: chunks (queries with their documents) that each rank cuts its share into.
    package var accumulation = 1
    /// `recompute`: which activations are computed again in the backward pass to save memory; `layers`: all but each
    /// layer's input.
    package var recompute = Recompute.none
  }

  /// Which activations are computed again in the backward pass.
  package enum Recompute: String, Codable, ConfigurationChoice {
    case none, layers
  }
}

extension Configuration.Batch {
  mutating func visit(_ visitor: inout some ConfigurationVisitor) {
    visitor.value("queries", &queries, .atLeast(1))
    visitor.value("accumulation", &accumulation, .atLeast(1))
    visitor.value("recompute", &recompute)
  }
}
