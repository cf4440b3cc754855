/// One query with the documents that answer it and some that do not, as FlagEmbedding writes them.
package struct TrainingRow: JSONLinesRow, Equatable {
  package let query: String
  /// The documents that answer the query; never empty.
  package let positives: [String]
  package let negatives: [String]
  /// The teacher's raw score of each positive.
  package let positiveScores: [Double]?
  /// The teacher's raw score of each negative.
  package let negativeScores: [Double]?
  package let prompt: String?

  private init(
    query: String, positives: [String], negatives: [String], positiveScores: [Double]?, negativeScores: [Double]?,
    prompt: String?
  ) {
    self.query = query
    self.positives = positives
    self.negatives = negatives
    self.positiveScores = positiveScores
    self.negativeScores = negativeScores
    self.prompt = prompt
  }

  private enum Key: String {
    case query, prompt
    case positives = "pos"
    case negatives = "neg"
    case positiveScores = "pos_scores"
    case negativeScores = "neg_scores"
  }

  /// Reads the fields; all but the query and its positives may be absent, other keys are ignored.
  init(_ fields: RowFields) throws(RowDefect) {
    query = try fields.string(Key.query.rawValue)
    positives = try fields.strings(Key.positives.rawValue)
    negatives = try fields.stringsIfPresent(Key.negatives.rawValue) ?? []
    positiveScores = try fields.numbersIfPresent(Key.positiveScores.rawValue)
    negativeScores = try fields.numbersIfPresent(Key.negativeScores.rawValue)
    prompt = try fields.stringIfPresent(Key.prompt.rawValue)
  }

  static let example = #"{"query": "…", "pos": ["…"], "neg": ["…"]}"#

  var defect: String? {
    if query.isBlank { return "\"query\" is empty" }
    if positives.isEmpty { return "\"pos\" is empty: every query needs a document that answers it" }
    return emptyText(in: positives, .positives) ?? emptyText(in: negatives, .negatives)
  }

  /// Why not every document of the row has a teacher's score, or `nil` if each has: a defect for distillation alone, since
  /// FlagEmbedding's miner leaves the scores of earlier negatives behind.
  var scoreDefect: String? {
    scoreDefect(positiveScores, .positiveScores, positives, .positives)
      ?? scoreDefect(negativeScores, .negativeScores, negatives, .negatives)
  }

  /// The row without the negatives whose text is one of its positives.
  var withoutPositivesAmongNegatives: TrainingRow {
    let known = Set(positives.map(TextKey.init))
    let kept = negatives.indices.filter { !known.contains(TextKey(negatives[$0])) }
    let scores = negativeScores.flatMap { scores in
      scores.count == negatives.count ? kept.map { scores[$0] } : nil
    }
    return TrainingRow(
      query: query, positives: positives, negatives: kept.map { negatives[$0] }, positiveScores: positiveScores,
      negativeScores: scores, prompt: prompt)
  }

  /// The documents that a batch has drawn, the positive first.
  package func documents(of slot: BatchPlan.Slot) -> [String] {
    [positives[slot.positive]] + slot.negatives.map { negatives[$0] }
  }

  /// The teacher's raw scores of those documents, or `nil` if not every document of the row has one.
  package func teacherScores(of slot: BatchPlan.Slot) -> [Double]? {
    guard scoreDefect == nil, let positiveScores else { return nil }
    return [positiveScores[slot.positive]] + slot.negatives.map { negativeScores![$0] }
  }

  private func emptyText(in texts: [String], _ key: Key) -> String? {
    texts.firstIndex(where: \.isBlank).map { "\"\(key.rawValue)[\($0)]\" is empty" }
  }

  private func scoreDefect(
    _ scores: [Double]?, _ scoresKey: Key, _ texts: [String], _ textsKey: Key
  ) -> String? {
    let (given, wanted) = (scores?.count ?? 0, texts.count)
    if given == wanted { return nil }
    guard scores != nil else { return "\"\(scoresKey.rawValue)\" is missing" }
    return "\"\(scoresKey.rawValue)\" has \(given) scores for the \(wanted) texts of \"\(textsKey.rawValue)\""
  }
}

extension String {
  /// Whether no character is more than white space.
  var isBlank: Bool { unicodeScalars.allSatisfy(\.properties.isWhitespace) }
}
