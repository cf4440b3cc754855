import Training

extension ProgramReport {
  /// For people, on several lines; the first begins with name and version.
  var text: String {
    let rows = [
      ("MPI", mpi), ("OpenBLAS", openBLAS), ("oneDNN", oneDNN ?? "not built in"),
      ("SentencePiece", sentencePiece ?? "not built in"), ("processor", machine.text), ("system", machine.system),
    ]
    let width = rows.map(\.0.count).max()!
    let made = commit.map { "of commit \($0)" } ?? "of an unnamed commit (COLBERT_COMMIT)"
    return
      (["colbert \(version), \(build) build \(made)"]
      + rows.map { name, value in name + String(repeating: " ", count: width + 2 - name.count) + value })
      .joined(separator: "\n")
  }
}

extension Machine {
  fileprivate var text: String {
    """
    \(processor), \(availableProcessors) of \(processors) processors, \
    \(features.isEmpty ? "no vector instructions known here" : features.joined(separator: ", "))
    """
  }
}
