import Foundation

/// A folder in BEIR's layout to evaluate retrieval on: `corpus.jsonl`, `queries.jsonl` and `qrels/test.tsv`.
///
/// Documents are numbered by their ids in ascending order of bytes. Of two documents with the same score the one with the
/// larger number therefore ranks first, as `trec_eval` has it, and nobody else needs the ids.
///
/// The corpus stays in its file, twenty bytes a document in memory; a text is read and parsed when it is asked for.
package struct RetrievalCollection: Sendable {
  /// A query that has judgements.
  package struct Query: Sendable {
    package let id: String
    package let text: String
    /// The grade of each judged document, by number. Numbers from the collection's document count on are documents that the
    /// corpus lacks: no ranking can have them, but they count among the relevant ones.
    package let grades: [Int: Int]
    fileprivate let row: Int
  }

  /// The queries to evaluate, in the file's order: those with judgements.
  package let queries: [Query]
  /// What is unusual in the data though it can be evaluated, for the log.
  package let notices: [String]

  private let corpus: JSONLinesFile<RetrievalRecord>
  private let queryFile: JSONLinesFile<RetrievalRecord>
  /// The row of each document.
  private let rows: [Int]

  /// Opens and checks the folder.
  ///
  /// Throws `MissingFileError` when it is not there; `DataError`, with file and line, at the first defect: a file that it
  /// lacks, a line that does not parse, an id used twice, a judgement of an unknown query, a query without text.
  package init(path: String) throws {
    guard FileManager.default.fileExists(atPath: path) else { throw MissingFileError(path: path) }
    let (corpus, documentIDs, emptyDocuments) = try Self.openCorpus(Self.file("corpus.jsonl", in: path))
    let (queryFile, queryIDs) = try Self.openQueries(Self.file("queries.jsonl", in: path))
    let judgements = try Judgements(
      path: Self.file("qrels/test.tsv", in: path), queries: queryIDs, documents: documentIDs)
    (self.corpus, self.queryFile) = (corpus, queryFile)
    rows = documentIDs.order
    queries = try Self.judged(queryFile, queryIDs, judgements)
    notices = Self.notices(
      unjudged: queryFile.count - queries.count, emptyDocuments: emptyDocuments, judgements: judgements)
  }

  package var documentCount: Int { corpus.count }

  /// The files that a collection in `folder` consists of.
  package static func files(in folder: String) -> [String] {
    ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"].map { "\(folder)/\($0)" }
  }

  /// The text of document `number`, its title first. Throws `DataError` when the file has changed since it was opened.
  package func document(_ number: Int) throws -> String {
    let record = try corpus.row(rows[number])
    return joined(title: record.title, text: record.text)
  }

  /// The id of document `number`. Throws `DataError` when the file has changed since it was opened.
  package func documentID(_ number: Int) throws -> String { try corpus.row(rows[number]).id }

  /// Throws `DataError` at the first id that a TREC file, where white space parts the fields, cannot hold.
  package func checkIDsFitTREC() throws {
    func defect(_ id: String) -> String? {
      guard id.contains(where: \.isWhitespace) else { return nil }
      return "the id \"\(id)\" has white space, which parts the fields of a TREC file"
    }
    let advice = "Give it an id without, or leave TREC files out"
    for query in queries {
      if let reason = defect(query.id) { throw queryFile.error(atRow: query.row, reason: reason, advice: advice) }
    }
    for row in 0..<corpus.count {
      if let reason = defect(try corpus.row(row).id) { throw corpus.error(atRow: row, reason: reason, advice: advice) }
    }
  }

  /// `FILE:line` of the query `number` of `queries`.
  package func location(ofQuery number: Int) -> String { queryFile.location(ofRow: queries[number].row) }

  /// `FILE:line` of document `number`.
  package func location(ofDocument number: Int) -> String { corpus.location(ofRow: rows[number]) }

  /// A file of the folder. That it is missing is the data's fault, since the folder itself is there.
  private static func file(_ name: String, in folder: String) throws -> String {
    let path = URL(filePath: folder).appending(path: name).relativePath
    guard FileManager.default.fileExists(atPath: path) else {
      throw DataError(
        path: path, reason: "the file is missing",
        advice: "An evaluation folder holds corpus.jsonl, queries.jsonl and qrels/test.tsv, as BEIR's do")
    }
    return path
  }

  /// The corpus, its ids, and how many documents say nothing.
  private static func openCorpus(_ path: String) throws -> (JSONLinesFile<RetrievalRecord>, IDIndex, Int) {
    var ids: [String] = []
    var empty = 0
    let corpus = try JSONLinesFile<RetrievalRecord>(path: path) { document in
      ids.append(document.id)
      if joined(title: document.title, text: document.text).isBlank { empty += 1 }
    }
    let index = IDIndex(ids)
    if let (first, second) = index.duplicate { throw try corpus.duplicateError(first, second) }
    return (corpus, index, empty)
  }

  private static func openQueries(_ path: String) throws -> (JSONLinesFile<RetrievalRecord>, IDIndex) {
    var ids: [String] = []
    let queries = try JSONLinesFile<RetrievalRecord>(path: path) { query in ids.append(query.id) }
    let index = IDIndex(ids)
    if let (first, second) = index.duplicate { throw try queries.duplicateError(first, second) }
    return (queries, index)
  }

  /// The queries with judgements, in the file's order.
  private static func judged(
    _ file: JSONLinesFile<RetrievalRecord>, _ ids: IDIndex, _ judgements: Judgements
  ) throws -> [Query] {
    try judgements.grades.map { (row: ids.order[$0.key], grades: $0.value) }.sorted { $0.row < $1.row }.map {
      row, grades in
      let query = try file.row(row)
      guard !query.text.isBlank else {
        throw file.error(
          atRow: row, reason: "the text of query \"\(query.id)\" is empty",
          advice: "Give the query a text or remove its judgements")
      }
      return Query(id: query.id, text: query.text, grades: grades, row: row)
    }
  }

  private static func notices(unjudged: Int, emptyDocuments: Int, judgements: Judgements) -> [String] {
    [
      ("queries left out because they have no judgement", unjudged),
      ("documents with neither title nor text, ranked like any other", emptyDocuments),
      ("judged documents that the corpus lacks, counted as not found as in trec_eval", judgements.missingDocuments),
      ("judgements that repeat an earlier line, counted once", judgements.repetitions),
    ].filter { $0.1 > 0 }.map { "\($0.0): \($0.1)" }
  }
}
