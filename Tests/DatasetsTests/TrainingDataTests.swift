import Datasets
import Foundation
import Testing

@Suite struct TrainingDataTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test func readsEveryField() throws {
    let path = try folder.write(
      "rows.jsonl",
      #"""
      {"query": "q\"1", "pos": ["p1", "p2"], "neg": ["n1"], "pos_scores": [1, -2.5e1], "neg_scores": [0.25], "prompt": "Search: ", "type": "normal", "category": {"a": [1]}}
      {"query": "für 日本 \ud83d\ude00", "pos": ["p"], "neg": null, "prompt": null}
      """#)
    let data = try TrainingData(paths: [path])
    #expect(data.count == 2)
    let first = try data.row(0)
    #expect(first.query == "q\"1")
    #expect(first.positives == ["p1", "p2"])
    #expect(first.negatives == ["n1"])
    #expect(first.positiveScores == [1, -25])
    #expect(first.negativeScores == [0.25])
    #expect(first.prompt == "Search: ")
    let second = try data.row(1)
    #expect(second.query == "für 日本 😀")
    #expect(second.negatives == [])
    #expect(second.positiveScores == nil && second.negativeScores == nil && second.prompt == nil)
    #expect(data.counts == [RowCounts(positives: 2, negatives: 1), RowCounts(positives: 1, negatives: 0)])
    #expect(data.scoredCount == 1)
  }

  @Test func distillationNeedsEveryScore() throws {
    let texts = #""query": "q", "pos": ["p", "r"], "neg": ["n", "m", "o"]"#
    let good = #"{\#(texts), "pos_scores": [1, 2], "neg_scores": [3, 4, 5]}"#
    let withoutNegatives = #"{"query": "q", "pos": ["p"], "pos_scores": [1]}"#
    let paths = [
      try folder.write("a.jsonl", "\(good)\n\(withoutNegatives)\n"), try folder.write("b.jsonl", "\(good)\n"),
    ]
    let data = try TrainingData(paths: paths)
    try data.requireTeacherScores()
    #expect(data.scoredCount == 3)
    let sampler = Sampler(counts: data.counts, batchQueries: 3, negativesPerQuery: 2, shuffle: true, seed: 1)
    let slot = sampler.batch(0).slots.first { $0.row != 1 }!
    let row = try data.row(slot.row)
    #expect(row.teacherScores(of: slot)! == [[1, 2][slot.positive]] + slot.negatives.map { [3, 4, 5][$0] })
    #expect(row.documents(of: slot) == [["p", "r"][slot.positive]] + slot.negatives.map { ["n", "m", "o"][$0] })
  }

  /// Without distillation such rows are as good as others: FlagEmbedding's miner leaves old scores behind.
  @Test(arguments: [
    (#"{"query": "q", "pos": ["p"], "neg": ["n"]}"#, #""pos_scores" is missing"#),
    (#"{"query": "q", "pos": ["p"], "neg": ["n"], "pos_scores": [1]}"#, #""neg_scores" is missing"#),
    (#"{"query": "q", "pos": ["p"], "pos_scores": [1, 2]}"#, #""pos_scores" has 2 scores for the 1 texts of "pos""#),
    (
      #"{"query": "q", "pos": ["p"], "pos_scores": [1], "neg_scores": [1]}"#,
      #""neg_scores" has 1 scores for the 0 texts of "neg""#
    ),
  ])
  func namesTheRowThatCannotTeach(line: String, reason: String) throws {
    let good = #"{"query": "q", "pos": ["p"], "pos_scores": [1]}"#
    let path = try folder.write("rows.jsonl", "\(good)\n\n\(line)\n\(line)\n")
    let data = try TrainingData(paths: [path])
    #expect(data.scoredCount == 1)
    let error = try #require(throws: DataError.self) { try data.requireTeacherScores() }
    #expect(error.description.hasPrefix("\(path):3: the row cannot teach: \(reason). "))
    #expect(error.exitStatus == 65)
    let plan = Sampler(counts: data.counts, batchQueries: 3, negativesPerQuery: 1, shuffle: false, seed: 1).batch(0)
    #expect(try data.row(1).teacherScores(of: plan.slots[1]) == nil)
  }

  @Test func acceptsByteOrderMarkCarriageReturnsAndBlankLines() throws {
    let path = try folder.write(
      "rows.jsonl",
      "\u{FEFF}{\"query\": \"a\", \"pos\": [\"p\"]}\r\n\r\n \t\n{\"query\": \"b\", \"pos\": [\"p\"]}\r\n\n\n{\"query\": \"c\", \"pos\": [\"p\"]}"
    )
    let data = try TrainingData(paths: [path])
    #expect(try (0..<data.count).map { try data.row($0).query } == ["a", "b", "c"])
    #expect(data.error(atRow: 1, reason: "", advice: "").line == 4)
  }

  @Test func numbersRowsThroughAllFiles() throws {
    let paths = try (0..<3).map { file in
      try folder.write(
        "\(file).jsonl", (0...file).map { "{\"query\": \"\(file).\($0)\", \"pos\": [\"p\"]}\n" }.joined())
    }
    let data = try TrainingData(paths: paths)
    #expect(try (0..<data.count).map { try data.row($0).query } == ["0.0", "1.0", "1.1", "2.0", "2.1", "2.2"])
    let error = data.error(atRow: 4, reason: "it has no scores", advice: "Add them")
    #expect(error.description == "\(paths[2]):2: it has no scores. Add them.")
  }

  @Test(arguments: [
    (
      #"{"query": "q", "pos": ["p"]"#,
      "not valid JSON: it ends in the middle: expected ',' or '}', at byte 28 of the line"
    ),
    (#"{"query": "q" "pos": ["p"]}"#, #"expected ',' or '}', at byte 15 of the line, near ""pos": ["p"]"#),
    (#"{"query": "q", "pos": ["p"],}"#, #"expected a key in double quotes, at byte 29 of the line, near "}""#),
    (#"{"query": "q", "pos": ["p",]}"#, #"expected a JSON value, at byte 28 of the line, near "]}""#),
    (#"{"query": "q", "pos": ["p"], "query": "r"}"#, #""query" stands in the line twice"#),
    (#"{"query": "q", "pos": ["p"], "id": 1, "\u0069d": 1}"#, #""id" stands in the line twice"#),
    ("{\"query\": \"a\tb\", \"pos\": [\"p\"]}", "a control character in a string"),
    (#"{"query": "\ud800", "pos": ["p"]}"#, "half a surrogate pair"),
    (#"{"query": "\x", "pos": ["p"]}"#, #"an unknown escape in a string: \x"#),
    (#"{"query": "q", "pos": ["p"], "pos_scores": [01]}"#, "expected ',' or ']', at byte 46 of the line"),
    (#"{"query": "q", "pos": ["p"], "pos_scores": [.5]}"#, "expected a JSON value, at byte 45 of the line"),
    (#"{"query": "q", "pos": ["p"], "pos_scores": [1.]}"#, "expected a JSON value, at byte 47 of the line"),
    (#"{"query": "q", "pos": ["p"], "a": tru}"#, "expected a JSON value, at byte 35 of the line"),
    (#"{"query": "q", "pos": ["p"]} {}"#, "text after the end of the JSON document, at byte 30 of the line"),
    (#"{"pos": ["p"]}"#, #"the field "query" is missing"#),
    (#"{"query": "q"}"#, #"the field "pos" is missing"#),
    (#"{"query": 1, "pos": ["p"]}"#, #""query" must be a string, but it is a number"#),
    (#"{"query": null, "pos": ["p"]}"#, #""query" must be a string, but it is null"#),
    (#"{"query": "q", "pos": "p"}"#, #""pos" must be a list, but it is a string"#),
    (#"{"query": "q", "pos": ["p", 2]}"#, #""pos[1]" must be a string, but it is a number"#),
    (#"{"query": "q", "pos": ["p", null]}"#, #""pos[1]" must be a string, but it is null"#),
    (#"{"query": "q", "pos": ["p"], "neg": {"a": "b"}}"#, #""neg" must be a list, but it is an object"#),
    (#"{"query": "q", "pos": ["p"], "pos_scores": ["1"]}"#, #""pos_scores[0]" must be a number"#),
    (#"{"query": "q", "pos": ["p"], "prompt": []}"#, #""prompt" must be a string"#),
    (#"{"query": "", "pos": ["p"]}"#, #""query" is empty"#),
    ("{\"query\": \" \\n\u{3000}\", \"pos\": [\"p\"]}", #""query" is empty"#),
    (#"{"query": "q", "pos": []}"#, #""pos" is empty"#),
    (#"{"query": "q", "pos": ["p", ""]}"#, #""pos[1]" is empty"#),
    (#"{"query": "q", "pos": ["p"], "neg": [" "]}"#, #""neg[0]" is empty"#),
    (#"{"query": "q", "pos": ["p"], "pos_scores": [NaN]}"#, "NaN is not a JSON number, at byte 45"),
    (#"{"query": "q", "pos": ["p"], "pos_scores": [-Infinity]}"#, "-Infinity is not a JSON number"),
    (#"{"query": "q", "pos": ["p"], "pos_scores": [1e999]}"#, "the number 1e999 is too large"),
    (#"["q", "p"]"#, "the line must be a JSON object, but it is a list"),
    (#""q""#, "the line must be a JSON object, but it is a string"),
  ])
  func namesFileAndLineOfEveryDefect(line: String, reason: String) throws {
    let good = #"{"query": "q", "pos": ["p"]}"#
    let path = try folder.write("rows.jsonl", "\(good)\n\n\(line)\n\(good)\n")
    let error = try #require(throws: DataError.self) { try TrainingData(paths: [path]) }
    #expect(error.description.hasPrefix("\(path):3: "))
    #expect(error.reason.contains(reason), "\(error)")
    #expect(error.advice.contains(#"{"query": "…", "pos": ["…"]"#))
    #expect(error.exitStatus == 65)
  }

  @Test func saysWhereBytesAreNotUTF8() throws {
    let line = Array(#"{"query": "q", "pos": ["p"]}"#.utf8)
    let path = try folder.write("rows.jsonl", line + [10] + line[..<11] + [0xFF] + line[11...])
    let error = try #require(throws: DataError.self) { try TrainingData(paths: [path]) }
    #expect(error.line == 2)
    #expect(error.reason.contains("byte 12 of the line (offset 40 in the file) is not UTF-8"))
  }

  @Test(arguments: ["", "\n \r\n", "\u{FEFF}"])
  func refusesAFileWithoutRows(text: String) throws {
    let path = try folder.write("rows.jsonl", text)
    let error = try #require(throws: DataError.self) { try TrainingData(paths: [path]) }
    #expect(error.description.hasPrefix("\(path): the file holds no row. Fill it"))
  }

  @Test func aMissingFileIsTheConfigurationsFault() throws {
    let error = try #require(throws: MissingFileError.self) { try TrainingData(paths: [folder.path + "/none.jsonl"]) }
    #expect(error.exitStatus == 64)
    #expect(error.description.contains("none.jsonl: there is no such file"))
  }

  @Test func refusesWhatIsNoRegularFile() throws {
    let directory = try #require(throws: DataError.self) { try TrainingData(paths: [folder.path]) }
    #expect(directory.reason.contains("it is a directory"))
    #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
    let pipe = try #require(throws: DataError.self) { try TrainingData(paths: [folder.path + "/pipe"]) }
    #expect(pipe.reason.contains("it is a pipe"))
  }
}
