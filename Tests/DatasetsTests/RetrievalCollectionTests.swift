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

  /// The same collection as FlagEmbedding writes it, for either split.
  @Test(arguments: ["test", "dev"]) func readsFlagEmbeddingsLayout(split: String) throws {
    func renamed(_ lines: [String]) -> String { lines.joined(separator: "\n").replacing("_id", with: "id") }
    _ = try folder.write("corpus.jsonl", renamed(Self.corpus))
    _ = try folder.write("\(split)_queries.jsonl", renamed(Self.queries))
    _ = try folder.write(
      "\(split)_qrels.jsonl",
      [("q2", "z", 1), ("q1", "9", 2), ("q1", "gone", 1)].map {
        #"{"qid": "\#($0)", "docid": "\#($1)", "relevance": \#($2)}"# + "\n"
      }.joined())
    let collection = try RetrievalCollection(path: folder.path)
    #expect(try collection.document(1) == "Nine is odd")
    #expect(collection.queries.map(\.id) == ["q1", "q2"])
    #expect(collection.queries.map(\.grades) == [[1: 2, 5: 1], [3: 1]])
    #expect(try [0, 1, 5].map { try collection.documentID($0) } == ["10", "9", "gone"])
    #expect(collection.files.all.allSatisfy { $0.hasSuffix("l") })
  }

  @Test(
    arguments: [
      (#"{"qid": "q1", "docid": "9"}"#, #"the field "relevance" is missing"#),
      (#"{"qid": "q1", "docid": "9", "relevance": 0.5}"#, #""relevance" must be a whole number"#),
      (#"{"qid": "q7", "docid": "9", "relevance": 1}"#, #"the query "q7" is not in test_queries.jsonl"#),
      (#"{"qid": "q1", "docid": "9", "relevance": 2}"#, "has grade 2"), ("q1 0 9 1", "the line is not valid JSON"),
    ])
  func namesBadLinesOfFlagEmbeddings(line: String, reason: String) throws {
    _ = try folder.write("corpus.jsonl", Self.corpus.joined(separator: "\n"))
    _ = try folder.write("test_queries.jsonl", Self.queries.joined(separator: "\n"))
    let good = #"{"qid": "q1", "docid": "9", "relevance": 1}"#
    _ = try folder.write("test_qrels.jsonl", "\(good)\n\n\(line)\n")
    let error = try #require(throws: DataError.self) { try RetrievalCollection(path: folder.path) }
    #expect(error.path == folder.path + "/test_qrels.jsonl" && error.line == 3)
    #expect(error.reason.contains(reason), "\(error)")
  }

  /// Other judgements in the place of the folder's, in any of the formats.
  @Test(arguments: [
    "q1 0 9 2\nq2\t0\tz\t1\n", "q1\t9\t2\nq2\tz\t1", Self.header + "\nq1\t9\t2\nq2\tz\t1",
    "{\"qid\": \"q1\", \"docid\": \"9\", \"relevance\": 2}\n{\"qid\": \"q2\", \"docid\": \"z\", \"relevance\": 1}",
  ]) func takesOtherJudgements(text: String) throws {
    _ = try open(judgements: [Self.header, "q1\t10\t1"])
    let file = try folder.write("other", text)
    let collection = try RetrievalCollection(path: folder.path, judgements: file)
    #expect(collection.queries.map(\.grades) == [[1: 2], [3: 1]])
    let error = try #require(throws: DataError.self) {
      try RetrievalCollection(path: folder.path, judgements: folder.write("bad", "q1 0 9 2\nq1 0 9"))
    }
    #expect(error.description.hasPrefix("\(folder.path)/bad:2: the line has 3 fields between white space, not 4"))
  }

  @Test func readsTheDocumentsOfARun() throws {
    let collection = try open(judgements: [Self.header, "q1\t9\t1", "q2\tz\t1"])
    let lines = ["q1 Q0 z 1 2.5 x", "q3 Q0 z 1 1e-05 x", "q1\tQ0\t10  2 -1 x"]
    let candidates = try Candidates(
      path: folder.write("run", lines.joined(separator: "\n")), of: collection)
    #expect(candidates.documents == [0, 3] && candidates.queries == [[0], [0]] && candidates.longest == 2)
    #expect(
      candidates.notices == [
        "lines of \(folder.path)/run left out because their query has no judgement: 1",
        "judged queries for which \(folder.path)/run lists nothing, counted as zero: 1",
      ])
    for (line, reason) in [
      ("q1 Q0 9 1 2.5", "the line has 5 fields between white space, not 6"),
      ("q1 Q0 9 1 nan x", #"the score "nan" is not a finite number"#),
      ("q1 Q0 9 1 inf x", #"the score "inf" is not a finite number"#),
      ("q1 Q0 9 1 high x", #"the score "high" is not a finite number"#),
      ("q7 Q0 9 1 1 x", #"the query "q7" is not in "#), ("q1 Q0 no 1 1 x", #"the document "no" is not in "#),
      ("q1 Q0 z 3 1 x", #"document "z" stands for query "q1" on an earlier line already"#),
    ] {
      let bad = try folder.write("bad", (lines + ["", line]).joined(separator: "\n"))
      let error = try #require(throws: DataError.self) { try Candidates(path: bad, of: collection) }
      #expect(error.line == 5 && error.reason.hasPrefix(reason), "\(error)")
    }
    let none = try folder.write("none", lines[1])
    let error = try #require(throws: DataError.self) { try Candidates(path: none, of: collection) }
    #expect(error.description.hasPrefix("\(none): it lists no document for any judged query"))
  }
}
