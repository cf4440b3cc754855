/// The rows of one or more training files, numbered through them in order.
///
/// Opening checks every row; the texts stay in the files, and are read and parsed when a row is asked for. In memory it keeps
/// twenty bytes a row.
package struct TrainingData: Sendable {
  private var files: [JSONLinesFile<TrainingRow>] = []
  /// The number of each file's first row.
  private var firstRows: [Int] = []
  /// How many documents each row offers; what a `Sampler` needs to know.
  package private(set) var counts: [RowCounts] = []
  /// How many rows have a teacher's score for each of their documents.
  package private(set) var scoredCount = 0
  /// The first of the others.
  private var firstUnscoredRow: Int?
  /// How many negatives are left out because they are positives of their row.
  package private(set) var leftOutCount = 0
  private let leavesOutPositives: Bool

  /// Opens and checks all files.
  ///
  /// - Parameter leavesOutPositives: whether a row's negatives that have the text of one of its positives are as if they
  ///   were not there.
  /// Throws `DataError` at the first defect, with file and line, and `MissingFileError` for a path that is not there.
  package init(paths: [String], leavesOutPositives: Bool = false) throws {
    precondition(!paths.isEmpty, "training data wants at least one file")
    self.leavesOutPositives = leavesOutPositives
    for path in paths {
      firstRows.append(counts.count)
      files.append(
        try JSONLinesFile(path: path) { row in
          if row.scoreDefect == nil { scoredCount += 1 } else { firstUnscoredRow = firstUnscoredRow ?? counts.count }
          let negatives = (leavesOutPositives ? row.withoutPositivesAmongNegatives : row).negatives.count
          leftOutCount += row.negatives.count - negatives
          counts.append(RowCounts(positives: row.positives.count, negatives: negatives))
        })
    }
  }

  package var count: Int { counts.count }
  /// The rows of each file.
  package var rowsByFile: [Range<Int>] { zip(firstRows, firstRows.dropFirst() + [count]).map { $0..<$1 } }
  var firstPath: String { files[0].path }

  /// Row `number`, parsed anew. Throws `DataError` when its file has changed since it was opened.
  package func row(_ number: Int) throws -> TrainingRow {
    let (file, index) = place(ofRow: number)
    let row = try file.row(index)
    return leavesOutPositives ? row.withoutPositivesAmongNegatives : row
  }

  /// The line of row `number` as it stands in its file. Throws `DataError` as `row` does.
  package func line(_ number: Int) throws -> [UInt8] {
    let (file, index) = place(ofRow: number)
    return try file.line(index)
  }

  /// `FILE:line` of row `number`.
  package func location(_ number: Int) -> String {
    let (file, index) = place(ofRow: number)
    return file.location(ofRow: index)
  }

  /// Throws `DataError` at the first row of which some document has no teacher's score: distillation needs them all.
  package func requireTeacherScores() throws {
    guard let number = firstUnscoredRow, let defect = try row(number).scoreDefect else { return }
    throw error(
      atRow: number, reason: "the row cannot teach: \(defect)",
      advice: "Give every positive and negative a score, or set loss.distillation to none")
  }

  /// An error about row `number` that names its file and line, for whoever finds that the row does not serve.
  package func error(atRow number: Int, reason: String, advice: String) -> DataError {
    let (file, index) = place(ofRow: number)
    return file.error(atRow: index, reason: reason, advice: advice)
  }

  private func place(ofRow number: Int) -> (file: JSONLinesFile<TrainingRow>, index: Int) {
    precondition(counts.indices.contains(number), "row \(number) of \(count)")
    let file = firstRows.lastIndex { $0 <= number }!
    return (files[file], number - firstRows[file])
  }
}

/// How many documents one training row offers.
package struct RowCounts: Equatable, Sendable {
  let positives: Int32
  package let negatives: Int32

  package init(positives: Int, negatives: Int) {
    self.positives = Int32(positives)
    self.negatives = Int32(negatives)
  }
}
