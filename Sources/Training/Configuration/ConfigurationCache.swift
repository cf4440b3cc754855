extension Configuration {
  /// `cache`: hidden states of frozen layers, computed once.
  package struct Cache: Codable, Equatable, Sendable {
    /// `directory`: where they are kept, for later epochs and runs; `nil`: each step computes them.
    package var directory: String?
    /// `precision`: of each number kept. In float32 the result is bit for bit that of a run without cache.
    package var precision = Precision.float32

    package enum Precision: String, Codable, ConfigurationChoice {
      case float32, bfloat16
    }
  }
}

extension Configuration.Cache {
  mutating func visit(_ visitor: inout some ConfigurationVisitor) {
    visitor.value("directory", &directory, .null(or: .given("a folder for hidden states")))
    visitor.value("precision", &precision)
  }
}
