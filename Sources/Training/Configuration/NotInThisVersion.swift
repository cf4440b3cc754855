extension Configuration {
  /// What the file may say and this version does not do: the key, its value, and what there is instead.
  private static let notInThisVersion = [
    ("model.precision", "bfloat16", "float32 is")
  ]

  /// A message for each key whose value this version does not do.
  var notInThisVersion: [(key: String, message: String)] {
    leaves.flatMap { leaf in
      Self.notInThisVersion.filter { $0.0 == leaf.key && $0.1 == leaf.value.flow }
        .map { (leaf.key, "\($0.0): \($0.1) is not in this version; \($0.2)") }
    }
  }
}
