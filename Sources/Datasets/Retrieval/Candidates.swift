/// The documents that a TREC run lists for the queries of a collection: those to score again.
package struct Candidates: Sendable {
  /// All that are listed, each once, by number, ascending.
  package let documents: [Int]
  /// The queries, by place in the collection, that list each of `documents`.
  package let queries: [[Int]]
  /// The most that a query lists.
  package let longest: Int
  /// What is unusual in the run though it can be used, for the log.
  package let notices: [String]

  /// Reads `query Q0 document rank score tag` lines. Ranks and scores are of no account, but must be numbers.
  ///
  /// Throws `DataError`, with file and line, at a line that is not one, that names a query or a document that the
  /// collection lacks, or a document again; also when no judged query has a line.
  package init(path: String, of collection: RetrievalCollection) throws {
    func error(_ line: Int?, _ reason: String, _ advice: String) -> DataError {
      DataError(path: path, line: line, reason: reason, advice: advice)
    }
    let (queryIDs, documentIDs) = try (collection.queryIDs(), collection.documentIDs())
    let judged = collection.placesOfQueries(in: queryIDs)
    var listed: [Int: Set<Int>] = [:]
    var left = 0
    var lines = try LineReader(DataFile(path: path))
    while let line = try lines.next() {
      let fields = String(decoding: line.bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).map(String.init)
      guard fields.count == 6 else {
        throw error(
          line.number, "the line has \(fields.count) fields between white space, not 6",
          "Write each line as query Q0 document rank score tag, as TREC runs are")
      }
      guard let score = Double(fields[4]), score.isFinite else {
        throw error(line.number, "the score \"\(fields[4])\" is not a finite number", "Mend or remove the line")
      }
      guard let query = queryIDs.place(of: fields[0]) else {
        throw error(
          line.number, "the query \"\(fields[0])\" is not in \(collection.files.queries)",
          "Give a run of this collection")
      }
      guard let document = documentIDs.place(of: fields[2]) else {
        throw error(
          line.number, "the document \"\(fields[2])\" is not in \(collection.files.corpus)",
          "Give a run of this collection")
      }
      guard listed[query, default: []].insert(document).inserted else {
        throw error(
          line.number, "document \"\(fields[2])\" stands for query \"\(fields[0])\" on an earlier line already",
          "Keep one of the two")
      }
      if judged[query] == nil { left += 1 }
    }
    let known = listed.filter { judged[$0.key] != nil }
    if known.isEmpty { throw error(nil, "it lists no document for any judged query", "Give a run of this collection") }
    var byDocument: [Int: [Int]] = [:]
    for (query, documents) in known {
      for document in documents { byDocument[document, default: []].append(judged[query]!) }
    }
    documents = byDocument.keys.sorted()
    queries = documents.map { byDocument[$0]!.sorted() }
    longest = known.values.map(\.count).max()!
    notices = [
      ("lines of \(path) left out because their query has no judgement", left),
      ("judged queries for which \(path) lists nothing, counted as zero", judged.count - known.count),
    ].filter { $0.1 > 0 }.map { "\($0.0): \($0.1)" }
  }
}
