import Testing

@testable import Datasets

/// Which documents are drawn for a query beside those of its row.
@Suite struct RandomDocumentsTests {
  let folder: TemporaryFolder
  let data: TrainingData

  /// Row 0 names documents of the corpus, one with other white space, and its query is one.
  private static let rows = """
    {"query": "text 5", "pos": ["text 0", "other"], "neg": ["text  1 "]}
    {"query": "b", "pos": ["B"]}

    """

  init() throws {
    folder = try TemporaryFolder()
    data = try TrainingData(paths: [try folder.write("train.jsonl", Self.rows)])
  }

  /// `count` lines, the first of them "text 0"; ids say nothing.
  private func corpus(_ count: Int, and more: [String] = []) throws -> String {
    let lines = (0..<count).map { #"{"_id": "same", "text": "text \#($0)"}"# } + more
    return try folder.write("corpus.jsonl", lines.map { $0 + "\n" }.joined())
  }

  private func draw(_ random: RandomDocuments, row: Int, pass: Int) throws -> [String] {
    try random.draw(for: data.row(row), number: row, pass: pass)
  }

  @Test func drawsDifferentDocumentsThatTheRowDoesNotName() throws {
    let random = try RandomDocuments(
      3, from: corpus(12, and: [#"{"text": " "}"#, #"{"title": "text", "text": "7"}"#]), data, seed: 1)
    #expect(random.count == 14)
    #expect(random.blankCount == 1)
    let all = Set((0..<12).map { "text \($0)" })
    for epoch in 0..<200 {
      let drawn = try draw(random, row: 0, pass: epoch)
      #expect(drawn.count == 3 && Set(drawn).count == 3)
      #expect(all.subtracting(["text 0", "text 1", "text 5"]).isSuperset(of: drawn))
    }
  }

  @Test func isAFunctionOfSeedPassAndRow() throws {
    let path = try corpus(1000)
    let random = try RandomDocuments(4, from: path, data, seed: 1)
    let first = try draw(random, row: 1, pass: 3)
    #expect(try draw(RandomDocuments(4, from: path, data, seed: 1), row: 1, pass: 3) == first)
    #expect(try draw(random, row: 1, pass: 4) != first)
    #expect(try draw(random, row: 0, pass: 3) != first)
    #expect(try draw(RandomDocuments(4, from: path, data, seed: 2), row: 1, pass: 3) != first)
    // Another number of them begins alike.
    #expect(try draw(RandomDocuments(2, from: path, data, seed: 1), row: 1, pass: 3) == Array(first.prefix(2)))
    // Pinned: other draws would make a resumed run go on with other batches than it began with.
    #expect(first == ["text 432", "text 795", "text 455", "text 773"])
  }

  /// Counts within five standard deviations, for which √mean is an upper bound.
  @Test func everyPairIsDrawnEquallyOften() throws {
    let random = try RandomDocuments(2, from: corpus(5), data, seed: 3)
    let epochs = 4000
    var pairs: [[String]: Double] = [:]
    for epoch in 0..<epochs { pairs[try draw(random, row: 1, pass: epoch), default: 0] += 1 }
    let mean = Double(epochs) / 20
    #expect(pairs.count == 20)
    for (pair, count) in pairs { #expect(abs(count - mean) < 5 * mean.squareRoot(), "\(pair): \(count)") }
  }

  /// A row that names most of a small corpus gets what is left of it.
  @Test func givesWhatThereIs() throws {
    let random = try RandomDocuments(4, from: corpus(6), data, seed: 1)
    #expect(try draw(random, row: 0, pass: 0).sorted() == ["text 2", "text 3", "text 4"])
    #expect(try draw(random, row: 1, pass: 0).count == 4)
  }

  @Test func drawsFromTheRowsWithoutACorpus() throws {
    let random = try RandomDocuments(2, from: nil, data, seed: 1)
    #expect(random.count == 4)
    #expect(try draw(random, row: 0, pass: 0) == ["B"])
    let seen = Set(try (0..<50).flatMap { try draw(random, row: 1, pass: $0) })
    #expect(seen == ["text 0", "other", "text  1 "])
  }

  @Test(arguments: [2, 3])
  func refusesACorpusThatIsTooSmall(lines: Int) throws {
    let path = try corpus(2, and: Array(repeating: #"{"text": ""}"#, count: lines - 2))
    let error = try #require(throws: DataError.self) { try RandomDocuments(3, from: path, data, seed: 1) }
    #expect(
      "\(error)" == """
        \(path): documents with text: 2, but negatives.random draws 3 different ones for every query. Lower \
        negatives.random, or name a larger negatives.corpus.
        """)
    let rows = try #require(throws: DataError.self) { try RandomDocuments(5, from: nil, data, seed: 1) }
    #expect(rows.description.contains("train.jsonl: documents with text: 4, but"))
  }

  @Test func refusesAnEmptyOrMissingCorpusAndNamesABadLine() throws {
    let empty = try folder.write("empty.jsonl", "")
    let error = try #require(throws: DataError.self) { try RandomDocuments(1, from: empty, data, seed: 1) }
    #expect(error.reason == "the file holds no row")
    #expect(throws: MissingFileError.self) { try RandomDocuments(1, from: empty + "x", data, seed: 1) }
    let bad = try corpus(2, and: [#"{"txt": "x"}"#])
    #expect(try #require(throws: DataError.self) { try RandomDocuments(1, from: bad, data, seed: 1) }.line == 3)
  }

  /// Nothing but repetitions: an end with a message, not a search without one.
  @Test func givesUpOnRepetitions() throws {
    let path = try folder.write("corpus.jsonl", String(repeating: #"{"text": "text"}"# + "\n", count: 10_002))
    let random = try RandomDocuments(2, from: path, data, seed: 1)
    let error = try #require(throws: DataError.self) { try draw(random, row: 1, pass: 0) }
    #expect(error.line == 2)
    #expect(error.reason.contains("of 10000 documents drawn for the row from \(path) not one was new"))
  }
}
