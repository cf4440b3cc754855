import Datasets
import Foundation
import Testing

@Suite struct RetrievalCollectionTests {
  static let corpus = [
    #"{"_id": "9", "title": "Nine", "text": "is odd", "metadata": {}}"#, #"{"_id": "10", "text": "ten"}"#,
    #"{"_id": "é", "title": "", "text": "accent"}"#, #"{"_id": "z", "text": "zed"}"#,
    #"{"_id": "e\u0301", "text": "the accent in two characters"}"#,
  ]
  static let queries = [
    #"{"_id": "q1", "text": "first"}"#, #"{"_id": "q2", "text": "second"}"#, #"{"_id": "q3", "text": ""}"#,
  ]
  static let header = "query-id\tcorpus-id\tscore"

  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func open(
    corpus: [String] = corpus, queries: [String] = queries, judgements: [String]
  ) throws -> RetrievalCollection {
    _ = try folder.write("corpus.jsonl", corpus.joined(separator: "\n"))
    _ = try folder.write("queries.jsonl", queries.joined(separator: "\n"))
    _ = try folder.write("qrels/test.tsv", judgements.joined(separator: "\n"))
    return try RetrievalCollection(path: folder.path)
  }

  @Test func numbersDocumentsByTheBytesOfTheirIDs() throws {
    let collection = try open(judgements: [Self.header, "q2\tz\t1", "q1\t9\t2", "q1\té\t0", "q1\t10\t-1"])
    #expect(collection.documentCount == 5)
    #expect(
      try (0..<5).map { try collection.document($0) }
        == ["ten", "Nine is odd", "the accent in two characters", "zed", "accent"])
    #expect(collection.queries.map(\.id) == ["q1", "q2"])
    #expect(collection.queries.map(\.text) == ["first", "second"])
    #expect(collection.queries.map(\.grades) == [[1: 2, 4: 0, 0: -1], [3: 1]])
    #expect(collection.notices == ["queries left out because they have no judgement: 1"])
  }

  @Test func keepsJudgedDocumentsThatTheCorpusLacks() throws {
    let collection = try open(
      corpus: Self.corpus + [#"{"_id": "void", "title": " ", "text": ""}"#],
      judgements: [Self.header, "q1\tgone\t1", "q1\tlost\t2", "q2\tgone\t1", "q2\tgone\t1"])
    #expect(collection.queries.map(\.grades) == [[6: 1, 7: 2], [6: 1]])
    #expect(
      collection.notices == [
        "queries left out because they have no judgement: 1",
        "documents with neither title nor text, ranked like any other: 1",
        "judged documents that the corpus lacks, counted as not found as in trec_eval: 2",
        "judgements that repeat an earlier line, counted once: 1",
      ])
  }

  @Test func aFileWithoutHeaderLosesNothing() throws {
    let collection = try open(judgements: ["q1\t9\t1\r", "q2\tz\t1\r", ""])
    #expect(collection.queries.map(\.grades) == [[1: 1], [3: 1]])
  }

  @Test(
    arguments: [
      ([header, "q1\t9"], 2, "2 fields"), ([header, "q1 9 1"], 2, "1 fields"),
      ([header, "q1\t0\t9\t1"], 2, "4 fields"),
      ([header, "q1\t9\t1.0"], 2, #""1.0" is not an integer"#), (["q1\t9\tone"], 1, #""one" is not an integer"#),
      (["q1\t9\t1.0"], 1, #""1.0" is not an integer"#),
      ([header, "q1\t9\t1", "", "q7\t9\t1"], 4, #"the query "q7" is not"#),
      ([header, "q1\t9\t1", "q1\t9\t2"], 3, "has grade 2"), ([header], nil, "no query has a judgement"),
      ([], nil, "no query has a judgement"),
    ] as [([String], Int?, String)])
  func namesBadJudgements(lines: [String], line: Int?, reason: String) throws {
    let error = try #require(throws: DataError.self) { try open(judgements: lines) }
    #expect(error.path == folder.path + "/qrels/test.tsv")
    #expect(error.line == line)
    #expect(error.reason.contains(reason), "\(error)")
  }

  @Test func namesBadDocumentsAndQueries() throws {
    let judgements = [Self.header, "q1\t9\t1"]
    func error(corpus: [String] = Self.corpus, queries: [String] = Self.queries) throws -> DataError {
      try #require(throws: DataError.self) { try open(corpus: corpus, queries: queries, judgements: judgements) }
    }
    let twice = try error(corpus: Self.corpus + [Self.corpus[1]])
    #expect(twice.description.hasPrefix("\(folder.path)/corpus.jsonl:6: the id \"10\" stands on line 2 already"))
    let queryTwice = try error(queries: Self.queries + [Self.queries[0]])
    #expect(queryTwice.description.hasPrefix("\(folder.path)/queries.jsonl:4: the id \"q1\" stands on line 1 already"))
    #expect(try error(corpus: [#"{"_id": 9, "text": "x"}"#]).reason.contains(#""_id" must be a string"#))
    #expect(try error(corpus: [#"{"_id": "", "text": "x"}"#]).reason.contains(#""_id" is empty"#))
    #expect(try error(corpus: []).description.hasPrefix("\(folder.path)/corpus.jsonl: the file holds no row"))
    let blank = try error(queries: [#"{"_id": "q1", "text": " "}"#])
    #expect(blank.description.hasPrefix("\(folder.path)/queries.jsonl:1: the text of query \"q1\" is empty"))
  }

  @Test func tellsAMissingFolderFromAnIncompleteOne() throws {
    #expect(throws: MissingFileError.self) { try RetrievalCollection(path: folder.path + "/none") }
    _ = try folder.write("corpus.jsonl", Self.corpus[0])
    let error = try #require(throws: DataError.self) { try RetrievalCollection(path: folder.path) }
    #expect(error.description.hasPrefix("\(folder.path)/queries.jsonl: the file is missing"))
  }
}
