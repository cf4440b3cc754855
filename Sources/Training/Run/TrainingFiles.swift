/// The training files by what they hold, in order: what a checkpoint says of the data that its steps were drawn from.
struct TrainingFiles: Equatable {
  private let paths: [String]
  /// SHA-256 of each, in hexadecimal.
  private let digests: [String]

  init(paths: [String], digests: [String]) {
    self.paths = paths
    self.digests = digests
  }

  /// As text, for a checkpoint's state; without the paths, since moved files are the same data.
  var state: String { digests.joined(separator: " ") }

  /// Why a run on these files cannot go on from a checkpoint with `state`, or nil if it can.
  func difference(from state: String) -> String? {
    let earlier = state.split(separator: " ").map(String.init)
    if digests == earlier { return nil }
    if digests.count != earlier.count { return "data.train has \(count(digests)), it had \(count(earlier))" }
    if digests.sorted() == earlier.sorted() { return "the files of data.train are in another order than they were" }
    let changed = zip(paths, zip(digests, earlier)).filter { $1.0 != $1.1 }.map(\.0).joined(separator: ", ")
    return "data.train: \(changed) does not hold what it held"
  }

  private func count(_ files: [String]) -> String { "\(files.count) file\(files.count == 1 ? "" : "s")" }
}
