import Datasets
import Foundation
import Testing

/// Files that are changed while they are in use: an error with file and line, never a signal, and never another row in
/// silence.
@Suite struct ChangedFileTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  static let lines = ["a", "b", "c"].map { "{\"query\": \"\($0)\", \"pos\": [\"p\"]}" }
  /// Row i is on line 2 i + 1.
  static let text = lines.map { $0 + "\n\n" }.joined()

  func training() throws -> (TrainingData, String) {
    let path = try folder.write("rows.jsonl", Self.text)
    return (try TrainingData(paths: [path]), path)
  }

  /// Truncated to nothing, between rows, inside the second row, and by its last byte. A row takes 30 bytes, its ends with it.
  @Test(arguments: [0, 30, 40, 57]) func cutShort(length: Int) throws {
    let (data, path) = try training()
    #expect(truncate(path, off_t(length)) == 0)
    for row in 0..<3 {
      if length >= 30 * row + 28 {
        #expect(try data.row(row).query == ["a", "b", "c"][row])
      } else {
        let error = try #require(throws: DataError.self) { try data.row(row) }
        #expect(error.description.hasPrefix("\(path):\(2 * row + 1): the file changed while it was read. Leave"))
        #expect(error.exitStatus == 65)
      }
    }
  }

  /// What it says now could be read as well, but is not what was checked.
  @Test func anotherTextInTheSamePlace() throws {
    let (data, path) = try training()
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    try file.seek(toOffset: UInt64(30 + #"{"query": ""#.utf8.count))
    try file.write(contentsOf: Data("B".utf8))
    try file.close()
    #expect(try data.row(0).query == "a")
    let error = try #require(throws: DataError.self) { try data.row(1) }
    #expect(error.description.hasPrefix("\(path):3: the file changed while it was read"))
    #expect(try data.row(2).query == "c")
  }

  @Test func appendedToReplacedOrRemoved() throws {
    let (data, path) = try training()
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    try file.seekToEnd()
    try file.write(contentsOf: Data("more".utf8))
    try file.close()
    #expect(try (0..<3).map { try data.row($0).query } == ["a", "b", "c"])
    try Data("other".utf8).write(to: URL(filePath: path), options: .atomic)
    #expect(try (0..<3).map { try data.row($0).query } == ["a", "b", "c"])
    try FileManager.default.removeItem(atPath: path)
    #expect(try (0..<3).map { try data.row($0).query } == ["a", "b", "c"])
  }

  @Test func aCorpusCutShort() throws {
    let path = try folder.write(
      "corpus.jsonl", "{\"_id\": \"2\", \"text\": \"two\"}\n{\"_id\": \"1\", \"text\": \"one\"}\n")
    _ = try folder.write("queries.jsonl", "{\"_id\": \"q\", \"text\": \"x\"}\n")
    _ = try folder.write("qrels/test.tsv", "q\t1\t1\n")
    let collection = try RetrievalCollection(path: folder.path)
    #expect(truncate(path, 40) == 0)
    #expect(try collection.document(1) == "two")
    let error = try #require(throws: DataError.self) { try collection.document(0) }
    #expect(error.description.hasPrefix("\(path):2: the file changed while it was read"))
  }

  /// Files are read in blocks of 2²⁰ bytes: lines end before, at and behind their edges, and may be longer than several.
  @Test(arguments: ["\n", "\r\n", "\n \n"]) func linesOfAnyLength(end: String) throws {
    let block = 1 << 20
    let texts = [block, 1, 2 * block + 7, block - 40, 700_000, 700_000].map { length in
      String(repeating: "x", count: max(0, length - #"{"text": ""}"#.utf8.count - end.utf8.count))
    }
    let path = try folder.write("texts.jsonl", texts.map { "{\"text\": \"\($0)\"}\(end)" }.joined())
    let records = try TextRecords(path: path)
    #expect(try records.texts(0..<records.count).map(\.utf8.count) == texts.map(\.utf8.count))
  }
}
