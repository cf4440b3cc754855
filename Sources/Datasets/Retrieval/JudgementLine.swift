/// A line that says how well a document answers a query, in one of three formats.
struct JudgementLine {
  let query: String
  let document: String
  let grade: Int

  enum Format {
    /// Query, document and grade, with a tab between them; the first line may be a header.
    case beir
    /// Query, anything, document and grade, with white space between them: TREC's qrels.
    case trec
    /// `{"qid": …, "docid": …, "relevance": …}`.
    case flagEmbedding

    var advice: String {
      switch self {
      case .beir: "Write each line as query-id, corpus-id, score, with one tab between them"
      case .trec: "Write each line as query 0 document grade, as TREC's qrels are"
      case .flagEmbedding: #"Mend or remove the line; a good one: {"qid": "q1", "docid": "d1", "relevance": 1}"#
      }
    }

    /// The format of the file of which `line` is the first line.
    init(firstLine line: [UInt8]) {
      let text = String(decoding: line, as: UTF8.self)
      if text.first == "{" {
        self = .flagEmbedding
      } else {
        self = tabbed(text).count == 3 ? .beir : .trec
      }
    }
  }

  /// Throws a defect with what to do about it.
  init(_ line: [UInt8], _ format: Format) throws(JudgementDefect) {
    let text = String(decoding: line, as: UTF8.self)
    switch format {
    case .beir:
      let fields = tabbed(text)
      try Self.require(fields.count == 3, "the line has \(fields.count) fields between tabs, not 3", format.advice)
      (query, document, grade) = (fields[0], fields[1], try Self.grade(fields[2]))
    case .trec:
      let fields = text.split(whereSeparator: \.isWhitespace).map(String.init)
      try Self.require(
        fields.count == 4, "the line has \(fields.count) fields between white space, not 4", format.advice)
      (query, document, grade) = (fields[0], fields[2], try Self.grade(fields[3]))
    case .flagEmbedding:
      do {
        let fields = try RowFields(line)
        query = try fields.string("qid")
        document = try fields.string("docid")
        grade = try fields.integer("relevance")
      } catch {
        throw JudgementDefect(reason: error.reason, advice: format.advice)
      }
    }
  }

  /// What stands in the place of the query if a line may be BEIR's header: no number ends it.
  static func header(_ line: [UInt8], _ format: Format) -> String? {
    let fields = tabbed(String(decoding: line, as: UTF8.self))
    return format == .beir && fields.count == 3 && Double(fields[2]) == nil ? fields[0] : nil
  }

  private static func grade(_ text: String) throws(JudgementDefect) -> Int {
    guard let grade = Int(text) else {
      throw JudgementDefect(
        reason: "the score \"\(text)\" is not an integer", advice: "Write grades as whole numbers, 0 for irrelevant")
    }
    return grade
  }

  private static func require(_ holds: Bool, _ reason: String, _ advice: String) throws(JudgementDefect) {
    if !holds { throw JudgementDefect(reason: reason, advice: advice) }
  }
}

struct JudgementDefect: Error {
  let reason: String
  let advice: String
}

private func tabbed(_ text: String) -> [String] {
  text.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
}
