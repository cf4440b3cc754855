/// Everything a run is told: what the YAML file says, with the defaults where it is silent.
///
/// The sections stand in the order of the file. `visit` is the one list of keys; reading, writing, comparing and the
/// search for a misspelt key's neighbour all walk it.
package struct Configuration: Codable, Equatable, Sendable {
  package var model = Model()
  package var data = Data()
  package var batch = Batch()
  package var cache = Cache()
  package var loss = Loss()
  package var negatives = Negatives()
  package var optimizer = Optimizer()
  package var run = Run()
  package var evaluation = Evaluation()
  package var mining = Mining()

  /// The defaults; `model.path`, `data.train` and `run.directory` are empty and wait for a file.
  package init() {}

  mutating func visit(_ visitor: inout some ConfigurationVisitor) {
    visitor.section("model") { model.visit(&$0) }
    visitor.section("data") { data.visit(&$0) }
    visitor.section("batch") { batch.visit(&$0) }
    visitor.section("cache") { cache.visit(&$0) }
    visitor.section("loss") { loss.visit(&$0) }
    visitor.section("negatives") { negatives.visit(&$0) }
    visitor.section("optimizer") { optimizer.visit(&$0) }
    visitor.section("run") { run.visit(&$0) }
    visitor.section("evaluation") { evaluation.visit(&$0) }
    visitor.section("mining") { mining.visit(&$0) }
  }
}

/// Walks the keys of a configuration in the file's order, reading each from a tree or writing it to one.
protocol ConfigurationVisitor {
  /// The keys that `body` visits, below `key`.
  mutating func section(_ key: String, _ body: (inout Self) -> Void)
  /// One key with its value; only values that `allowed` holds for are let in.
  mutating func value<Value: ConfigurationValue>(_ key: String, _ value: inout Value, _ allowed: Allowed<Value>)
}

extension ConfigurationVisitor {
  mutating func value<Value: ConfigurationValue>(_ key: String, _ value: inout Value) {
    self.value(key, &value, .any)
  }
}
