import Foundation

/// The lines of a `qrels` file: how well each judged document answers a query.
struct Judgements {
  /// Grades by query, then by document, both by number. Documents that the corpus lacks have numbers from its count on.
  private(set) var grades: [Int: [Int: Int]] = [:]
  /// How many different documents were judged that the corpus lacks.
  var missingDocuments: Int { missing.count }
  /// How many lines say what an earlier one said.
  private(set) var repetitions = 0

  private let path: String
  private let queries: IDIndex
  private let documents: IDIndex
  private var missing: [String: Int] = [:]

  private static let layout = "query-id, corpus-id, score, with one tab between them"

  /// Reads the file. Throws `DataError` at a line that is not three fields with an integer at the end, that names an unknown
  /// query, or that contradicts an earlier one; also when no line is a judgement.
  init(path: String, queries: IDIndex, documents: IDIndex) throws {
    self.path = path
    self.queries = queries
    self.documents = documents
    let file = try DataFile(path: path)
    var lines = try LineReader(file)
    var isFirst = true
    while let line = try lines.next() {
      let text = String(decoding: line.bytes, as: UTF8.self)
      let fields = text.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      if !isFirst || !isHeader(fields) { try add(fields, line.number) }
      isFirst = false
    }
    if grades.isEmpty {
      throw DataError(
        path: path, reason: "no query has a judgement", advice: "Fill the file with lines of \(Self.layout)")
    }
  }

  /// Whether the first line is the header: it names no query and ends in no number. A file without one loses nothing.
  private func isHeader(_ fields: [String]) -> Bool {
    fields.count == 3 && Double(fields[2]) == nil && queries.place(of: fields[0]) == nil
  }

  private mutating func add(_ fields: [String], _ line: Int) throws {
    guard fields.count == 3 else {
      throw error(line, "the line has \(fields.count) fields between tabs, not 3", "Write each line as \(Self.layout)")
    }
    guard let grade = Int(fields[2]) else {
      throw error(
        line, "the score \"\(fields[2])\" is not an integer", "Write grades as whole numbers, 0 for irrelevant")
    }
    guard let query = queries.place(of: fields[0]) else {
      throw error(line, "the query \"\(fields[0])\" is not in queries.jsonl", "Add the query there or remove the line")
    }
    let document = number(ofDocument: fields[1])
    guard let earlier = grades[query, default: [:]].updateValue(grade, forKey: document) else { return }
    guard earlier == grade else {
      throw error(
        line,
        "document \"\(fields[1])\" has grade \(grade) for query \"\(fields[0])\", and \(earlier) on an earlier line",
        "Keep one of the two")
    }
    repetitions += 1
  }

  private mutating func number(ofDocument id: String) -> Int {
    if let place = documents.place(of: id) { return place }
    let number = missing[id, default: documents.count + missing.count]
    missing[id] = number
    return number
  }

  private func error(_ line: Int, _ reason: String, _ advice: String) -> DataError {
    DataError(path: path, line: line, reason: reason, advice: advice)
  }
}
