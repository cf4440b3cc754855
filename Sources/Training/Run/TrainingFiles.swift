/// The files that batches are made of, by what they hold: what a checkpoint says of the data that its steps were drawn from.
struct TrainingFiles: Equatable {
  private let paths: [String]
  private let corpus: String?
  /// SHA-256 of each, in hexadecimal; the corpus's comes last.
  private let digests: [String]

  /// Stands before the digest of the corpus in a checkpoint's state.
  private static let corpusMark = "corpus"

  /// - Parameters:
  ///   - paths: those of `data.train`, in order.
  ///   - corpus: the file of `negatives.corpus`, if there is one.
  ///   - digests: of `paths`, then of the corpus.
  init(paths: [String], corpus: String? = nil, digests: [String]) {
    precondition(
      digests.count == paths.count + (corpus == nil ? 0 : 1), "\(digests.count) digests of \(paths) \(corpus ?? "")")
    self.paths = paths
    self.corpus = corpus
    self.digests = digests
  }

  private var trainingDigests: [String] { Array(digests.prefix(paths.count)) }
  private var corpusDigest: String? { corpus == nil ? nil : digests.last }

  /// As text, for a checkpoint's state; without the paths, since moved files are the same data.
  var state: String {
    (trainingDigests + (corpusDigest.map { [Self.corpusMark, $0] } ?? [])).joined(separator: " ")
  }

  /// Why a run on these files cannot go on from a checkpoint with `state`, or nil if it can.
  func difference(from state: String) -> String? {
    let parts = state.split(separator: " ").map(String.init)
    let mark = parts.firstIndex(of: Self.corpusMark) ?? parts.count
    return trainingDifference(from: Array(parts[..<mark])) ?? corpusDifference(from: parts.dropFirst(mark + 1).first)
  }

  private func trainingDifference(from earlier: [String]) -> String? {
    let now = trainingDigests
    if now == earlier { return nil }
    if now.count != earlier.count { return "data.train has \(count(now)), it had \(count(earlier))" }
    if now.sorted() == earlier.sorted() { return "the files of data.train are in another order than they were" }
    let changed = zip(paths, zip(now, earlier)).filter { $1.0 != $1.1 }.map(\.0).joined(separator: ", ")
    return "data.train: \(changed) does not hold what it held"
  }

  private func corpusDifference(from earlier: String?) -> String? {
    if corpusDigest == earlier { return nil }
    guard let corpus else { return "negatives.corpus is not given, it was" }
    return earlier == nil
      ? "negatives.corpus is given, it was not" : "negatives.corpus: \(corpus) does not hold what it held"
  }

  private func count(_ files: [String]) -> String { "\(files.count) file\(files.count == 1 ? "" : "s")" }
}
