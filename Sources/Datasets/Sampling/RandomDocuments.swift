/// Draws documents at random for queries, beside those that their rows name.
///
/// A function of (seed, pass, row) and of the files: nothing is stored, and any cut over ranks draws the same. The texts stay
/// in their files; of a corpus twelve bytes a document are in memory, and a drawn line is read when it is asked for.
package struct RandomDocuments: Sendable {
  /// How many a query gets.
  package let perQuery: Int
  /// How many documents there are to draw from, those that are never drawn for being empty among them.
  package let count: Int
  private let data: TrainingData
  private let corpus: TextRecords?
  /// Without a corpus, the number of each row's first document.
  private let firstDocuments: [Int]
  private let seed: UInt64

  /// So many documents in a row that a query may not have: then the corpus is little but repetitions, and reading on would
  /// look like a run that hangs.
  private static let patience = 10_000

  /// - Parameter corpus: a file of `{"text": …}` lines; nil: all documents of `data`, positives and negatives.
  ///
  /// Throws `DataError` at the first bad line, and when there are too few documents for one query; `MissingFileError`.
  package init(_ perQuery: Int, from path: String?, _ data: TrainingData, seed: UInt64) throws {
    precondition(perQuery > 0, "\(perQuery) random documents a query")
    self.perQuery = perQuery
    self.data = data
    self.seed = seed
    corpus = try path.map { try TextRecords(path: $0) }
    var documents = 0
    firstDocuments =
      corpus != nil
      ? []
      : data.counts.map { counts in
        defer { documents += Int(counts.positives + counts.negatives) }
        return documents
      }
    count = corpus?.count ?? documents
    let usable = count - (corpus?.blankCount ?? 0)
    guard usable >= perQuery else {
      throw DataError(
        path: corpus?.path ?? data.firstPath,
        reason: """
          documents with text: \(usable), but negatives.random draws \(perQuery) different ones for every query
          """, advice: "Lower negatives.random, or name a larger negatives.corpus")
    }
  }

  /// Documents of the corpus without text, which are never drawn.
  package var blankCount: Int { corpus?.blankCount ?? 0 }

  /// At most `limit` texts of the corpus, spread over it, for whoever estimates what all come to; none without a corpus.
  package func sampledTexts(_ limit: Int) throws -> [String] {
    guard let corpus else { return [] }
    let sampled = min(limit, count)
    return try (0..<sampled).map { try text($0 * corpus.count / sampled) }
  }

  /// Different documents for row `number`, of which none has the text of the query or of a document that the row names.
  ///
  /// All there are, if these are fewer than wanted. Texts that differ in white space alone are the same.
  /// - Parameter pass: how often the row was taken before.
  package func draw(for row: TrainingRow, number: Int, pass: Int) throws -> [String] {
    var known = Set(([row.query] + row.positives + row.negatives).map(TextKey.init))
    let random = CounterRandom(seed: seed, epoch: pass, purpose: .randomNegatives).keyed(by: number)
    let order = Permutation(count: count, random: random)
    var drawn: [String] = []
    var inVain = 0
    for place in 0..<count {
      if drawn.count == perQuery { break }
      let text = try text(order[place])
      if !text.isBlank && known.insert(TextKey(text)).inserted {
        drawn.append(text)
        inVain = 0
        continue
      }
      inVain += 1
      guard inVain < Self.patience else { throw tooManyRepetitions(row: number) }
    }
    return drawn
  }

  private func text(_ document: Int) throws -> String {
    if let corpus { return try corpus.texts(document..<document + 1)[0] }
    let row = firstDocuments.partitioningIndex { $0 > document } - 1
    return try data.row(row).document(document - firstDocuments[row])
  }

  private func tooManyRepetitions(row: Int) -> DataError {
    data.error(
      atRow: row,
      reason: """
        of \(Self.patience) documents drawn for the row from \(corpus?.path ?? "the training rows") not one was new to it \
        (negatives.random: \(perQuery))
        """, advice: "Take repetitions and empty texts out of it, or lower negatives.random")
  }
}

extension TrainingRow {
  /// Document `place` of all that the row names, its positives first.
  fileprivate func document(_ place: Int) -> String {
    place < positives.count ? positives[place] : negatives[place - positives.count]
  }
}

extension [Int] {
  /// The first index whose element is of the second part, the list being parted by `isSecond`; binary search.
  fileprivate func partitioningIndex(where isSecond: (Int) -> Bool) -> Int {
    var range = indices
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      range = isSecond(self[middle]) ? range.lowerBound..<middle : middle + 1..<range.upperBound
    }
    return range.lowerBound
  }
}
