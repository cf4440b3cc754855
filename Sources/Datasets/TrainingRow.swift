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

  enum CodingKeys: String, CodingKey {
    case query, prompt
    case positives = "pos"
    case negatives = "neg"
    case positiveScores = "pos_scores"
    case negativeScores = "neg_scores"
  }

  /// Reads the fields; `neg` may be absent, other keys are ignored.
  package init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    query = try fields.decode(String.self, forKey: .query)
    positives = try fields.decode([String].self, forKey: .positives)
    negatives = try fields.decodeIfPresent([String].self, forKey: .negatives) ?? []
    positiveScores = try fields.decodeIfPresent([Double].self, forKey: .positiveScores)
    negativeScores = try fields.decodeIfPresent([Double].self, forKey: .negativeScores)
    prompt = try fields.decodeIfPresent(String.self, forKey: .prompt)
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

  /// The documents that a batch has drawn, the positive first.
  package func documents(of slot: BatchPlan.Slot) -> [String] {
    [positives[slot.positive]] + slot.negatives.map { negatives[$0] }
  }

  /// The teacher's raw scores of those documents, or `nil` if not every document of the row has one.
  package func teacherScores(of slot: BatchPlan.Slot) -> [Double]? {
    guard scoreDefect == nil, let positiveScores else { return nil }
    return [positiveScores[slot.positive]] + slot.negatives.map { negativeScores![$0] }
  }

  private func emptyText(in texts: [String], _ key: CodingKeys) -> String? {
    texts.firstIndex(where: \.isBlank).map { "\"\(key.rawValue)[\($0)]\" is empty" }
  }

  private func scoreDefect(
    _ scores: [Double]?, _ scoresKey: CodingKeys, _ texts: [String], _ textsKey: CodingKeys
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
