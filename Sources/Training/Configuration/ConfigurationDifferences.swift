extension Configuration {
  /// A key that two configurations give different values.
  package struct Difference: Equatable, Sendable, CustomStringConvertible {
    package let key: String
    /// As YAML.
    package let before: String
    package let now: String

    package var description: String { "\(key): \(before) before, \(now) now" }
  }

  /// The keys whose change since `earlier` makes this another training run, in the order of the file.
  ///
  /// The cut of the batch, how long the run is, what it logs and what it keeps may change while a run goes on, and what
  /// is mined with its model.
  ///
  /// - Parameter comparesData: whether a checkpoint will be asked if the training files still hold what they held; then
  ///   it does not matter where they are, but for their weights.
  package func differences(from earlier: Configuration, comparesData: Bool = false) -> [Difference] {
    // Other files, and another number of them, are for the checkpoint to find.
    let hasOtherWeights = zip(data.train, earlier.data.train).contains { $0.weight != $1.weight }
    return zip(earlier.leaves, leaves).compactMap { before, now in
      guard before.value != now.value, !Self.isChangeable(now.key) else { return nil }
      if comparesData && Self.comparedByContent.contains(now.key) && !(now.key == "data.train" && hasOtherWeights) {
        return nil
      }
      return Difference(key: now.key, before: before.value.flow, now: now.value.flow)
    }
  }

  /// The files that a checkpoint knows by what they hold.
  private static let comparedByContent: Set = ["data.train", "negatives.corpus"]

  private static func isChangeable(_ key: String) -> Bool { key.hasPrefix("mining.") || changeableKeys.contains(key) }

  /// Keys that may have another value when a run is continued.
  private static let changeableKeys: Set = [
    "batch.accumulation", "batch.recompute", "cache.directory", "negatives.gather", "negatives.gather_bytes",
    "optimizer.sharding", "run.directory", "run.epochs", "run.steps", "run.checkpoint_every", "run.keep",
    "run.evaluate_every", "run.timeout", "run.overlap",
    "evaluation.agreement_bound", "evaluation.early_stop",
  ]
}
