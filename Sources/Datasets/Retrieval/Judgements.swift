/// The lines of a `qrels` file: how well each judged document answers a query.
struct Judgements {
  /// Grades by query, then by document, both by number. Documents that the corpus lacks have numbers from its count on.
  private(set) var grades: [Int: [Int: Int]] = [:]
  /// The judged documents that the corpus lacks, in the order of their numbers.
  private(set) var missingDocuments: [String] = []
  /// How many lines say what an earlier one said.
  private(set) var repetitions = 0

  private let files: CollectionFiles
  private let queries: IDIndex
  private let documents: IDIndex
  private var missing: [String: Int] = [:]

  /// Reads the file, whose first line shows its format. Throws `DataError` at a line that does not have it, that names an
  /// unknown query, or that contradicts an earlier one; also when no line is a judgement.
  init(_ files: CollectionFiles, queries: IDIndex, documents: IDIndex) throws {
    self.files = files
    self.queries = queries
    self.documents = documents
    var lines = try LineReader(DataFile(path: files.judgements))
    var format: JudgementLine.Format?
    while let line = try lines.next() {
      let isFirst = format == nil
      let known = format ?? Self.format(of: files.judgements, firstLine: line.bytes)
      format = known
      do throws(JudgementDefect) {
        if isFirst && isHeader(line.bytes, known) { continue }
        try add(try JudgementLine(line.bytes, known))
      } catch {
        throw DataError(path: files.judgements, line: line.number, reason: error.reason, advice: error.advice)
      }
    }
    if grades.isEmpty {
      throw DataError(
        path: files.judgements, reason: "no query has a judgement",
        advice: (format ?? Self.format(of: files.judgements, firstLine: [])).advice)
    }
  }

  /// The names that BEIR and FlagEmbedding give their files say what is meant, also where the first line is not well made.
  private static func format(of path: String, firstLine: [UInt8]) -> JudgementLine.Format {
    if path.hasSuffix("/qrels/test.tsv") { return .beir }
    if path.hasSuffix("_qrels.jsonl") { return .flagEmbedding }
    return JudgementLine.Format(firstLine: firstLine)
  }

  /// Whether the first line is the header: it names no query and ends in no number. A file without one loses nothing.
  private func isHeader(_ line: [UInt8], _ format: JudgementLine.Format) -> Bool {
    guard let query = JudgementLine.header(line, format) else { return false }
    return queries.place(of: query) == nil
  }

  private mutating func add(_ line: JudgementLine) throws(JudgementDefect) {
    guard let query = queries.place(of: line.query) else {
      throw JudgementDefect(
        reason: "the query \"\(line.query)\" is not in \(files.queries.split(separator: "/").last ?? "")",
        advice: "Add the query there or remove the line")
    }
    let document = number(ofDocument: line.document)
    guard let earlier = grades[query, default: [:]].updateValue(line.grade, forKey: document) else { return }
    guard earlier == line.grade else {
      throw JudgementDefect(
        reason: """
          document "\(line.document)" has grade \(line.grade) for query "\(line.query)", and \(earlier) on an earlier line
          """,
        advice: "Keep one of the two")
    }
    repetitions += 1
  }

  private mutating func number(ofDocument id: String) -> Int {
    if let place = documents.place(of: id) { return place }
    if let known = missing[id] { return known }
    let number = documents.count + missingDocuments.count
    missing[id] = number
    missingDocuments.append(id)
    return number
  }
}
