import Datasets
import Testing

@Suite struct TextRecordsTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func readsTextsInBlocks() throws {
    let path = try folder.write(
      "texts.jsonl",
      #"""
      {"text": "one"}
      {"_id": 7, "title": "A title", "text": "and text"}

      {"_id": "x", "title": "", "text": "no title"}
      {"title": "only a title", "text": ""}
      {"text": ""}
      """#)
    let records = try TextRecords(path: path)
    #expect(records.count == 5)
    #expect(try records.texts(0..<3) == ["one", "A title and text", "no title"])
    #expect(try records.texts(3..<5) == ["only a title", ""])
  }

  @Test(arguments: [
    (#"{"txt": "one"}"#, #"the field "text" is missing"#), (#"{"text": ["one"]}"#, #""text" must be a string"#),
    (#"{"text": "one"#, "not valid JSON"), ("one", "not valid JSON"),
  ])
  func namesFileAndLine(line: String, reason: String) throws {
    let path = try folder.write("texts.jsonl", "{\"text\": \"fine\"}\n" + line)
    let error = try #require(throws: DataError.self) { try TextRecords(path: path) }
    #expect(error.line == 2)
    #expect(error.reason.contains(reason), "\(error)")
  }

  @Test func refusesAnEmptyOrMissingFile() throws {
    let empty = try folder.write("texts.jsonl", "")
    #expect(throws: DataError.self) { try TextRecords(path: empty) }
    #expect(throws: MissingFileError.self) { try TextRecords(path: empty + "x") }
  }
}
