import Datasets

/// Writes the rows of a block with the negatives that were found for them.
struct MinedRows {
  let data: TrainingData
  let pool: DocumentPool
  let rules: MiningRules
  /// How many negatives a row is to have.
  let wanted: Int
  /// Whether only special tokens are left of a document.
  let isEmpty: (String) -> Bool

  /// The lines of a block's rows, all but `neg` and the two lists of scores as they were, and what to say of them.
  func lines(_ block: MiningBlock, _ found: FoundDocuments, bound: Float) throws -> (bytes: [UInt8], MiningReport) {
    var scores = [Float](repeating: .nan, count: block.exclusions.count)
    for (place, score) in found.exclusionScores { scores[place] = score }
    var report = MiningReport(bound: bound)
    var bytes: [UInt8] = []
    for (query, row) in block.rows.enumerated() {
      let positives = pool.positives(ofRow: row).map { scores[block.place(query: query, document: $0)] }
      let ranked = found.best[query].ranked
      let excluded = scores[block.starts[query]..<block.starts[query + 1]]
      let considered = report.considered
      let negatives = choose(ranked, positives: positives, excluded: excluded, row: row, &report)
      let excludedDocuments = block.exclusions[block.starts[query]..<block.starts[query + 1]].map(\.document)
      let (scored, empty) = try counts(excludedDocuments, emptyDocuments: found.emptyDocuments)
      report.scored += scored
      report.empty += empty
      report.outside += scored - empty - (report.considered - considered)
      positives.forEach { report.positiveScores.add($0) }
      negatives.forEach { report.negativeScores.add($0.score) }
      bytes += try line(ofRow: row, positives: positives, negatives) + [UInt8(ascii: "\n")]
    }
    return (bytes, report)
  }

  /// How many documents were scored for a query, and how many of them are empty without being excluded.
  ///
  /// - Parameter emptyDocuments: of all candidates, the excluded ones too.
  private func counts(_ excluded: [Int], emptyDocuments: Int) throws -> (scored: Int, empty: Int) {
    let lacking = excluded.count { $0 >= pool.candidateCount }
    // Seldom is any empty, and then nobody need look.
    let emptyExcluded =
      emptyDocuments == 0
      ? 0 : try excluded.count { try $0 < pool.candidateCount && isEmpty(pool.text($0)) }
    return (pool.candidateCount + lacking, emptyDocuments - emptyExcluded)
  }

  private func choose(
    _ ranked: [TopDocuments.Entry], positives: [Float], excluded: ArraySlice<Float>, row: Int,
    _ report: inout MiningReport
  ) -> [TopDocuments.Entry] {
    let window = rules.window(ranked)
    let best = positives.max()!
    var passed: [TopDocuments.Entry] = []
    for entry in window {
      if let rule = rules.broken(by: entry.score, positive: best) {
        report.broken[rule, default: 0] += 1
      } else {
        passed.append(entry)
      }
    }
    // Excluded documents that would stand in the window.
    let inWindow = window.last.map { last in excluded.count { $0 >= last.score } } ?? excluded.count
    report.broken[.positive, default: 0] += inWindow
    report.considered += window.count + inWindow
    let negatives = rules.sample(passed, row: row)
    report.queries += 1
    report.negatives += negatives.count
    report.short += negatives.count < wanted ? 1 : 0
    report.without += negatives.isEmpty ? 1 : 0
    return negatives
  }

  private func line(ofRow row: Int, positives: [Float], _ negatives: [TopDocuments.Entry]) throws -> [UInt8] {
    var text = JSONText(line: try data.line(row))
    try text.set("neg", to: try negatives.map { try pool.text($0.document) })
    text.set("pos_scores", toText: list(positives))
    text.set("neg_scores", toText: list(negatives.map(\.score)))
    return text.bytes
  }

  /// The shortest digits that give the same bits again.
  private func list(_ scores: [Float]) -> [UInt8] {
    Array("[\(scores.map { "\($0)" }.joined(separator: ", "))]".utf8)
  }
}
