import Foundation

/// A folder to evaluate retrieval on, in BEIR's layout (`corpus.jsonl`, `queries.jsonl`, `qrels/test.tsv`) or in
/// FlagEmbedding's (`corpus.jsonl`, `test_queries.jsonl`, `test_qrels.jsonl`; or `dev_…`).
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
  package let files: CollectionFiles
  /// The judged documents that the corpus lacks, in the order of their numbers.
  private let missingDocuments: [String]

  private let corpus: JSONLinesFile<RetrievalRecord>
  private let queryFile: JSONLinesFile<RetrievalRecord>
  /// The row of each document.
  private let rows: [Int]

  /// Opens and checks the folder.
  ///
  /// Throws `MissingFileError` when it is not there; `DataError`, with file and line, at the first defect: a file that it
  /// lacks, a line that does not parse, an id used twice, a judgement of an unknown query, a query without text.
  ///
  /// - Parameter judgements: a file to take in the place of the folder's, in TREC's format or that of either layout; nil:
  ///   the folder's.
  package init(path: String, judgements: String? = nil) throws {
    guard FileManager.default.fileExists(atPath: path) else { throw MissingFileError(path: path) }
    let files = CollectionFiles(in: path, judgements: judgements)
    for file in files.all { try Self.require(file) }
    let (corpus, documentIDs, emptyDocuments) = try Self.openCorpus(files.corpus)
    let (queryFile, queryIDs) = try Self.openQueries(files.queries)
    let judgements = try Judgements(files, queries: queryIDs, documents: documentIDs)
    self.files = files
    missingDocuments = judgements.missingDocuments
    (self.corpus, self.queryFile) = (corpus, queryFile)
    rows = documentIDs.order
    queries = try Self.judged(queryFile, queryIDs, judgements)
    notices = Self.notices(
      unjudged: queryFile.count - queries.count, emptyDocuments: emptyDocuments, judgements: judgements)
  }

  package var documentCount: Int { corpus.count }

  /// The text of document `number`, its title first. Throws `DataError` when the file has changed since it was opened.
  package func document(_ number: Int) throws -> String {
    let record = try corpus.row(rows[number])
    return joined(title: record.title, text: record.text)
  }

  /// The id of document `number`, which may be one that the corpus lacks. Throws `DataError` when the file has changed
  /// since it was opened.
  package func documentID(_ number: Int) throws -> String {
    number < documentCount ? try corpus.row(rows[number]).id : missingDocuments[number - documentCount]
  }

  /// The ids of all documents, read anew: nobody needs them but who reads other files about the corpus.
  func documentIDs() throws -> IDIndex { IDIndex(try (0..<corpus.count).map { try corpus.row($0).id }) }

  /// The ids of all queries, also of those without judgements.
  func queryIDs() throws -> IDIndex { IDIndex(try (0..<queryFile.count).map { try queryFile.row($0).id }) }

  /// The place in `queries` of each judged query, by its place among all ids.
  func placesOfQueries(in ids: IDIndex) -> [Int: Int] {
    Dictionary(uniqueKeysWithValues: queries.indices.map { (ids.place(of: queries[$0].id)!, $0) })
  }

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
    for id in missingDocuments {
      if let reason = defect(id) { throw DataError(path: files.judgements, reason: reason, advice: advice) }
    }
  }

  /// `FILE:line` of the query `number` of `queries`.
  package func location(ofQuery number: Int) -> String { queryFile.location(ofRow: queries[number].row) }

  /// `FILE:line` of document `number`.
  package func location(ofDocument number: Int) -> String { corpus.location(ofRow: rows[number]) }

  /// That a file is missing is the data's fault, since the folder itself is there.
  private static func require(_ path: String) throws {
    guard FileManager.default.fileExists(atPath: path) else {
      throw DataError(
        path: path, reason: "the file is missing",
        advice: """
          An evaluation folder holds corpus.jsonl, queries.jsonl and qrels/test.tsv, as BEIR's do, or corpus.jsonl, \
          test_queries.jsonl and test_qrels.jsonl, as FlagEmbedding's do
          """)
    }
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
      (
        "judged documents that the corpus lacks, counted as not found as in trec_eval",
        judgements.missingDocuments.count
      ),
      ("judgements that repeat an earlier line, counted once", judgements.repetitions),
    ].filter { $0.1 > 0 }.map { "\($0.0): \($0.1)" }
  }
}
