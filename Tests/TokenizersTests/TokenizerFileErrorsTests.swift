import Foundation
import Testing

@testable import Tokenizers

/// A file that cannot be used is refused with its name and what is wrong; nothing crashes.
@Suite struct TokenizerFileErrorsTests {
  struct Fault: Sendable, CustomTestStringConvertible {
    let old: String
    let new: String
    let expected: [String]
    var testDescription: String { expected.joined(separator: " ") }
  }

  @Test(arguments: [
    Fault(old: #""type": "WordPiece",\#n    "unk"#, new: #""type": "Unigram", "unk"#, expected: ["model", "Unigram"]),
    Fault(old: #""type": "BertNormalizer""#, new: #""type": "NFKC""#, expected: ["normalizer", "NFKC"]),
    Fault(old: #""type": "BertPreTokenizer""#, new: #""type": "Metaspace""#, expected: ["pre_tokenizer", "Metaspace"]),
    Fault(
      old: #""type": "TemplateProcessing""#, new: #""type": "RobertaProcessing""#,
      expected: ["post_processor", "RobertaProcessing"]),
    Fault(old: #""lowercase": true"#, new: #""lowercase": 1"#, expected: ["normalizer.lowercase", "true or false"]),
    Fault(old: #""clean_text": true,"#, new: "", expected: ["normalizer.clean_text", "missing"]),
    Fault(old: #""bf": 2499"#, new: #""bf": 2498"#, expected: ["\"bf\"", "same id", "2498"]),
    Fault(old: #""bf": 2499"#, new: #""bf": 2600"#, expected: ["\"bf\"", "holes"]),
    Fault(old: #""bf": 2499"#, new: #""bf": -1"#, expected: ["\"bf\"", "whole number"]),
    Fault(old: #""bf": 2499"#, new: #""bf": 24.5"#, expected: ["\"bf\"", "whole number"]),
    Fault(old: #""bf": 2499"#, new: #""the": 2499"#, expected: ["\"the\"", "two ids", "153", "2499"]),
    Fault(old: #""id": 2501"#, new: #""id": 2600"#, expected: ["[D] ", "2600", "2501"]),
    Fault(old: #""content": "[D] ""#, new: #""content": "[q] ""#, expected: ["2500", "2501", "same text"]),
    Fault(old: #""content": "[D] ""#, new: #""content": "\u0301""#, expected: ["2501", "empty"]),
    Fault(old: #""unk_token": "[UNK]""#, new: #""unk_token": "<unk>""#, expected: ["unk_token", "<unk>"]),
    Fault(old: #""bf": 2499"#, new: #""bf": 2499,"#, expected: [":2678:", "key"]),
    Fault(old: #""bf": 2499"#, new: #""bf" 2499"#, expected: [":2677:", "':'"]),
    Fault(old: #""bf": 2499"#, new: "\"b\u{1}f\": 2499", expected: [":2677:", "control"]),
    Fault(old: #""bf": 2499"#, new: #""\ud800": 2499"#, expected: [":2677:", "surrogate"]),
    Fault(old: #""bf": 2499"#, new: #""bf": 02499"#, expected: [":2677:"]),
    Fault(old: #""version": "1.0""#, new: #""version": tru"#, expected: [":2:", "JSON value"]),
  ])
  func tokenizerJSONIsRefused(fault: Fault) throws {
    let json = try tinyPyLate("tokenizer.json", replacing: fault.old, by: fault.new)
    let said = problem { try withFolder(["tokenizer.json": json]) { try loadTokenizer(folder: $0) } }
    for part in ["/tokenizer.json"] + fault.expected { #expect(said.contains(part), "\(said)") }
  }

  @Test func truncatedJSONIsRefusedWhereverItEnds() throws {
    let json = try tinyPyLate("tokenizer.json")
    for length in stride(from: 0, to: json.utf8.count - 1, by: 997) {
      let cut = String(decoding: json.utf8.prefix(length), as: UTF8.self)
      let said = problem { try withFolder(["tokenizer.json": cut]) { try loadTokenizer(folder: $0) } }
      #expect(said.contains("/tokenizer.json:"), "\(length): \(said)")
    }
  }

  @Test func nestingDoesNotExhaustTheStack() throws {
    let json = #"{"model": "# + String(repeating: "[", count: 1_000_000)
    let said = problem { try withFolder(["tokenizer.json": json]) { try loadTokenizer(folder: $0) } }
    #expect(said.contains("nested deeper"), "\(said)")
  }

  @Test func vocabularyTextIsRefused() throws {
    let beginning = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"
    for (vocabulary, configuration, expected) in [
      (beginning + "a\nb\na\n", "{}", ["/vocab.txt:8:", "\"a\"", "line 6"]),
      ("a\nb\n", "{}", ["/vocab.txt", "cls_token", "[CLS]"]),
      ("", "{}", ["/vocab.txt", "cls_token"]),
      (beginning, "[]", ["/tokenizer_config.json", "object"]),
      (beginning, #"{"do_lower_case": "yes"}"#, ["/tokenizer_config.json", "do_lower_case"]),
      (beginning, #"{"tokenizer_class": "BertJapaneseTokenizer"}"#, ["BertJapaneseTokenizer"]),
      (beginning, #"{"unk_token": "<unk>"}"#, ["unk_token", "<unk>"]),
      (beginning, #"{"added_tokens_decoder": {"9": {"content": "[Q]"}}}"#, ["[Q]", "9", "5"]),
    ] {
      let files = ["vocab.txt": vocabulary, "tokenizer_config.json": configuration]
      let said = problem { try withFolder(files) { try loadTokenizer(folder: $0) } }
      for part in expected { #expect(said.contains(part), "\(said)") }
    }
  }

  @Test func damagedTextNamesItsLine() throws {
    try withFolder([:]) { folder in
      try Data([0x61, 0x0A, 0x62, 0xFF, 0x0A]).write(to: URL(fileURLWithPath: folder + "/vocab.txt"))
      #expect(problem { try loadTokenizer(folder: folder) }.contains("/vocab.txt:2: not UTF-8"))
    }
  }

  @Test func foldersWithoutTokenizerAreRefused() throws {
    try withFolder(["config.json": "{}"]) { folder in
      #expect(problem { try loadTokenizer(folder: folder) }.contains("no tokenizer here"))
      #expect(problem { try loadTokenizer(folder: folder + "/missing") }.contains("no such folder"))
      try FileManager.default.createDirectory(atPath: folder + "/tokenizer.json", withIntermediateDirectories: true)
      #expect(problem { try loadTokenizer(folder: folder) }.contains("/tokenizer.json: cannot be read"))
    }
  }

  @Test func tokenizerJSONWinsOverVocabularyText() throws {
    let files = [
      "tokenizer.json": try tinyPyLate("tokenizer.json"),
      "vocab.txt": "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n",
    ]
    let tokenizer = try withFolder(files) { try loadTokenizer(folder: $0) }
    #expect(tokenizer.ids(of: "the") == [153])
  }
}
