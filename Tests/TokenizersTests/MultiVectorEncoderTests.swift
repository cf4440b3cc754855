import Foundation
import Testing

@testable import Tokenizers

/// What Sentence Transformers' MultiVectorEncoder says of its inputs.
@Suite struct MultiVectorEncoderTests {
  private static let settings = "config_sentence_transformers.json"
  private static let module = "sentence_bert_config.json"

  /// A folder with tiny-pylate's tokenizer, its markers special tokens, and these files.
  private func load(
    settings: String = "{}", module: String? = nil, mask: String? = "{}"
  ) throws -> (conventions: InputConventions, notices: [String]) {
    var files = [Self.settings: settings]
    files[Self.module] = module
    files["config.json"] = mask
    files["tokenizer.json"] = try tinyPyLate("tokenizer.json").replacing(
      #/"normalized": true,\s*"special": false/#, with: #""normalized": false, "special": true"#)
    return try withFolder(files) {
      try InputConventions.multiVectorEncoder(
        folder: $0, transformer: $0, mask: mask == nil ? nil : $0, longestText: 128,
        tokenizer: loadTokenizer(folder: $0))
    }
  }

  @Test func everySettingCounts() throws {
    let (conventions, notices) = try load(
      settings: #"{"prompts": {"query": "[Q] ", "document": "the and: "}}"#,
      module: """
        {"transformer_task": "feature-extraction", "document_length": 60, "max_seq_length": 100,
         "query_expansion": {"strategy": "fixed", "attend": true, "token": "[MASK]", "length": 20}}
        """,
      mask: #"{"skiplist_words": [".", "zzzz"], "skiplist_tasks": ["query", "document"], "keep_only_token_ids": null}"#)
    let dot = try load(mask: #"{"skiplist_words": ["."], "skiplist_tasks": "query"}"#).conventions
    #expect(dot.querySkipList.count == 1 && dot.skipList.isEmpty)
    #expect(
      conventions
        == InputConventions(
          documentPrompt: "the and: ", queryMarker: 2500, queryMaxLength: 20, documentMaxLength: 60,
          expandsQueries: true, attendsToExpansion: true, skipList: dot.querySkipList,
          querySkipList: dot.querySkipList))
    #expect(notices.count == 1 && notices[0].contains("zzzz"))
  }

  @Test func absentSettings() throws {
    let (bare, _) = try load(mask: nil)
    #expect(bare == InputConventions(queryMaxLength: 128, documentMaxLength: 128))
    let lengths = try load(module: #"{"max_seq_length": 100, "query_length": 40}"#).conventions
    #expect(lengths.queryMaxLength == 40 && lengths.documentMaxLength == 100 && !lengths.expandsQueries)
    let passage = try load(settings: #"{"prompts": {"passage": "the ", "q": "and: "}, "default_prompt_name": "q"}"#)
    #expect(passage.conventions.documentMarker == 153 && passage.conventions.queryPrompt == "and: ")
    // The words would run together with what follows.
    #expect(try load(settings: #"{"prompts": {"query": "the"}}"#).conventions.queryPrompt == "the")
  }

  /// A prompt is read with the text, and counts in its length.
  @Test func promptsAreRead() throws {
    try withFolder(["tokenizer.json": tinyPyLate("tokenizer.json")]) { folder in
      let tokenizer = try loadTokenizer(folder: folder)
      let input = InputTokenizer(
        tokenizer: tokenizer, conventions: InputConventions(queryPrompt: "the and: ", queryMaxLength: 7))
      let expected = tokenizer.ids(of: "the and: the the the the").prefix(5)
      #expect(input.tokenize("the the the the", as: .query).ids == [2] + expected + [3])
      #expect(input.tokenize("the", as: .document).ids == [2, 153, 3])
    }
  }

  @Test(
    arguments: [
      (#"{"similarity_fn_name": 3}"#, nil, "{}", "similarity_fn_name should be a string"),
      ("{}", #"{"query_expansion": {"strategy": "min", "length": 20}}"#, "{}", #"strategy is "min""#),
      ("{}", #"{"query_expansion": {"strategy": "fixed"}}"#, "{}", "query_expansion.length is missing"),
      (
        "{}", #"{"query_expansion": {"strategy": "fixed", "length": 20, "token": "[UNK]"}}"#, "{}",
        #"query_expansion.token is "[UNK]""#
      ),
      ("{}", #"{"query_expansion": {"strategy": "fixed", "length": 20}}"#, nil, "there is no MultiVectorMask module"),
      ("{}", #"{"transformer_task": "retrieval"}"#, "{}", #"transformer_task is "retrieval""#),
      ("{}", #"{"do_lower_case": true}"#, "{}", "do_lower_case: true is not supported"),
      ("{}", #"{"processing_kwargs": {"text": {}}}"#, "{}", "processing_kwargs.text is not supported"),
      ("{}", nil, #"{"keep_only_token_ids": [5]}"#, "keep_only_token_ids is not supported"),
      ("{}", nil, #"{"skiplist_words": [5]}"#, "skiplist_words should be strings"),
      (#"{"prompts": {"query": 5}}"#, nil, "{}", "prompts.query should be a string"),
    ] as [(String, String?, String?, String)])
  func whatIsNotSupportedIsRefused(settings: String, module: String?, mask: String?, complaint: String) {
    let said = problem {
      _ = try load(settings: settings, module: module, mask: mask)
      return try withFolder([Self.settings: settings]) { try InputConventions.multiVectorEncoderTakesMeans(folder: $0) }
    }
    #expect(said.contains(complaint), "\(said)")
  }

  @Test(arguments: [("null", false), (#""maxsim""#, false), (#""meanmaxsim""#, true)])
  func whatScoresAre(name: String, isMean: Bool) throws {
    try withFolder([Self.settings: #"{"model_type": "MultiVectorEncoder", "similarity_fn_name": \#(name)}"#]) {
      let takesMeans = try InputConventions.multiVectorEncoderTakesMeans(folder: $0)
      let statement = try InputConventions.multiVectorEncoderStatement(folder: $0)
      #expect(takesMeans == isMean && statement != nil)
    }
    try withFolder([Self.settings: #"{"similarity_fn_name": "xtr"}"#]) { folder in
      #expect(problem { try InputConventions.multiVectorEncoderTakesMeans(folder: folder) }.contains("xtr"))
      let statement = try InputConventions.multiVectorEncoderStatement(folder: folder)
      #expect(statement == nil)
    }
  }

  /// Stanford's other kinds of score are not taken for cosines.
  @Test(arguments: [("similarity", "l2"), ("interaction", "flipr")]) func stanfordsOtherScores(
    key: String, value: String
  )
    throws
  {
    let files = ["artifact.metadata": "{\"\(key)\": \"\(value)\"}", "tokenizer.json": try tinyPyLate("tokenizer.json")]
    let said = try withFolder(files) { folder in
      problem { try loadInputTokenizer(folder: folder, maxPositions: 128) }
    }
    #expect(said.contains("\(key) is \"\(value)\""), "\(said)")
  }
}
