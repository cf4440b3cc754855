import Foundation
import Testing

@testable import Tokenizers

@Suite struct FolderConventionsTests {
  private static let configuration = "config_sentence_transformers.json"

  /// `tiny-pylate`'s tokenizer with other files beside it.
  private func load(
    _ files: [String: String], tokenizer: String? = nil, queryMaxLength: Int? = nil, documentMaxLength: Int? = nil,
    maxPositions: Int = 512
  ) throws -> (input: InputTokenizer, notices: [String]) {
    var files = files
    files["tokenizer.json"] = try tokenizer ?? tinyPyLate("tokenizer.json")
    return try withFolder(files) {
      try loadInputTokenizer(
        folder: $0, queryMaxLength: queryMaxLength, documentMaxLength: documentMaxLength, maxPositions: maxPositions)
    }
  }

  /// The vocabulary with the two tokens that BERT sets aside.
  private func unusedTokens() throws -> String {
    try tinyPyLate("tokenizer.json").replacingOccurrences(of: #""[Q] ""#, with: #""[unused0]""#)
      .replacingOccurrences(of: #""[D] ""#, with: #""[unused1]""#)
  }

  @Test(arguments: [
    #"{"model_type": "ColBERT"}"#,
    #"{"query_prefix": null, "document_prefix": null, "query_length": null, "skiplist_words": null}"#,
  ])
  func absentSettingsArePyLatesDefaults(settings: String) throws {
    let (input, notices) = try load([Self.configuration: settings])
    let golden = try loadInputTokenizer(folder: fixture("tiny-pylate"), maxPositions: 128).input.conventions
    var expected = golden
    (expected.queryMaxLength, expected.documentMaxLength) = (32, 180)
    #expect(input.conventions == expected)
    #expect(notices == [])
  }

  @Test func everySettingCounts() throws {
    let settings = """
      {"query_prefix": "", "document_prefix": "the", "query_length": 20, "document_length": 60,
       "attend_to_expansion_tokens": true, "skiplist_words": ["and", "zzzz", "[UNK]"], "do_query_expansion": true}
      """
    let (input, notices) = try load([Self.configuration: settings])
    #expect(
      input.conventions
        == InputConventions(
          documentMarker: 153, queryMaxLength: 20, documentMaxLength: 60, expandsQueries: true,
          attendsToExpansion: true, skipList: [161], trimsText: true))
    #expect(notices.count == 1 && notices[0].contains(#""zzzz", "[UNK]""#))
    let plain = try load([Self.configuration: #"{"do_query_expansion": false, "attend_to_expansion_tokens": true}"#])
    #expect(!plain.input.conventions.expandsQueries && !plain.input.conventions.attendsToExpansion)
    #expect(plain.input.tokenize("the", as: .query).ids == [2, 2500, 153, 3])
  }

  @Test func plainBERTBecomesAColBERT() throws {
    for settings in ["{}", #"{"__version__": {"pytorch": "2"}, "prompts": {}}"#] {
      let (input, _) = try load([Self.configuration: settings], tokenizer: unusedTokens())
      #expect(input.conventions.queryMarker == 2500 && input.conventions.documentMarker == 2501)
      #expect(input.conventions.queryMaxLength == 32 && input.conventions.documentMaxLength == 180)
      #expect(input.conventions.expandsQueries && !input.conventions.attendsToExpansion)
      #expect(input.conventions.skipList.count == 32)
    }
    let said = problem { try load([:]) }
    #expect(said.contains("[unused0]") && said.contains("query marker"), "\(said)")
  }

  @Test func stanfordMetadataIsRead() throws {
    let metadata = """
      {"query_token_id": "[unused1]", "doc_token_id": "[unused0]", "query_maxlen": 24, "doc_maxlen": 220,
       "mask_punctuation": false, "attend_to_mask_tokens": true, "dim": 128}
      """
    let (input, _) = try load(["artifact.metadata": metadata], tokenizer: unusedTokens())
    #expect(
      input.conventions
        == InputConventions(
          queryMarker: 2501, documentMarker: 2500, queryMaxLength: 24, documentMaxLength: 220, expandsQueries: true,
          attendsToExpansion: true))
    let (bare, _) = try load(["artifact.metadata": "{}"], tokenizer: unusedTokens())
    #expect(bare.conventions.queryMarker == 2500 && bare.conventions.skipList.count == 32)
  }

  @Test func lengthsAreOverriddenAndLimited() throws {
    let (input, notices) = try load(
      [Self.configuration: #"{"query_length": 16, "document_length": 300}"#], queryMaxLength: 700, maxPositions: 256)
    #expect(input.conventions.queryMaxLength == 256 && input.conventions.documentMaxLength == 256)
    #expect(notices.count == 2)
    #expect(notices.first?.contains("700") == true && notices.last?.contains("300") == true)
    let (shortest, _) = try load(
      [Self.configuration: #"{"query_length": 16}"#], queryMaxLength: 4, documentMaxLength: 4)
    #expect(shortest.tokenize("the and", as: .query).ids == [2, 2500, 153, 3])
  }

  @Test(arguments: [-1, 0, 3])
  func lengthsWithoutRoomAreRefused(length: Int) throws {
    let pylate = [Self.configuration: "{\"query_length\": 16}"]
    for said in [
      problem { try load(pylate, queryMaxLength: length) }, problem { try load(pylate, documentMaxLength: length) },
    ] {
      #expect(said.contains("length of \(length)") && said.contains("4 or more"), "\(said)")
    }
  }

  @Test func unusableSettingsAreRefused() throws {
    for (settings, expected) in [
      (#"{"query_prefix": "[X] "}"#, ["query marker", "[X] ", "config_sentence_transformers.json"]),
      (#"{"document_prefix": "the and"}"#, ["document marker", "the and"]),
      (#"{"query_prefix": 5}"#, ["query_prefix", "string"]),
      (#"{"query_length": "32"}"#, ["query_length", "whole number"]),
      (#"{"query_length": 1e300}"#, ["query_length", "whole number"]),
      (#"{"skiplist_words": [1]}"#, ["skiplist_words"]),
      (#"{"query_length": 2}"#, ["query length of 2", "4 or more"]),
      (#"{"query_prefix": "[Q] ",}"#, ["config_sentence_transformers.json:1:"]),
    ] {
      let said = problem { try load([Self.configuration: settings]) }
      for part in expected { #expect(said.contains(part), "\(said)") }
    }
    let lowered = problem {
      try load([Self.configuration: #"{"query_length": 8}"#, "sentence_bert_config.json": #"{"do_lower_case": true}"#])
    }
    #expect(lowered.contains("do_lower_case"), "\(lowered)")
    let maskless = try tinyPyLate("tokenizer.json").replacingOccurrences(of: "[MASK]", with: "[MUSK]")
    let said = problem { try load([Self.configuration: #"{"query_length": 8}"#], tokenizer: maskless) }
    #expect(said.contains("mask"), "\(said)")
  }
}
