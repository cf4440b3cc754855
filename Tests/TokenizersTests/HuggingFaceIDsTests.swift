import Testing

@testable import Tokenizers

/// Ids that Hugging Face's `tokenizers` and `transformers` gave to the same texts (`Fixtures/tokenizers/make-fixtures.py`).
@Suite struct HuggingFaceIDsTests {
  @Test(arguments: [
    "../tiny-pylate", "cased", "strips-accents", "keeps-accents", "short-words", "vocabulary-text",
    "vocabulary-text-cased",
  ])
  func everyTextHasItsIDs(folder: String) throws {
    let texts = try decoded("tokenizers/texts.json", as: [String].self)
    let expected = try #require(decoded("tokenizers/ids.json", as: [String: [[Int32]]].self)[folder])
    let tokenizer = try loadTokenizer(folder: fixture("tokenizers/\(folder)"))
    #expect(texts.count == expected.count)
    for (text, ids) in zip(texts, expected) {
      #expect(tokenizer.ids(of: text) == ids, "\(text.debugDescription), \(text.unicodeScalars.map(\.value))")
    }
  }

  @Test func specialTokensAreThoseOfTheFolder() throws {
    let tokenizer = try loadTokenizer(folder: fixture("tiny-pylate"))
    #expect(tokenizer.vocabularySize == 2502)
    #expect(tokenizer.classification == 2)
    #expect(tokenizer.separator == 3)
    #expect(tokenizer.mask == 4)
    #expect(tokenizer.padding == 4)  // PyLate saves [MASK] as the padding.
    #expect(tokenizer.unknown == 1)
  }

  @Test func tokensAndIDsAreInverse() throws {
    let tokenizer = try loadTokenizer(folder: fixture("tiny-pylate"))
    for id in 0..<Int32(tokenizer.vocabularySize) {
      #expect(try tokenizer.id(of: #require(tokenizer.token(of: id))) == id)
    }
    #expect(tokenizer.token(of: 2501) == "[D] ")
    #expect(tokenizer.token(of: 2502) == nil)
    #expect(tokenizer.token(of: -1) == nil)
    #expect(tokenizer.id(of: "[D]") == nil)
    #expect(tokenizer.id(of: "") == nil)
  }

  /// Swift's `String` takes U+212B and U+00C5 for equal; a vocabulary does not.
  @Test func canonicallyEquivalentTokensAreDifferent() throws {
    let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n\u{C5}\n\u{212B}\nA\u{30A}\n"
    let configuration = #"{"do_lower_case": false}"#
    try withFolder(["vocab.txt": vocabulary, "tokenizer_config.json": configuration]) { folder in
      let tokenizer = try loadTokenizer(folder: folder)
      #expect(tokenizer.ids(of: "\u{212B} \u{C5} A\u{30A}") == [6, 5, 7])
      #expect(tokenizer.id(of: "\u{212B}") == 6)
    }
    let keys = [#""\u00c5": 5"#, #""\u212b": 6"#, #""A\u030a": 7"#].joined(separator: ",")
    let json = try tinyPyLate("tokenizer.json", replacing: #""[MASK]": 4,"#, by: #""[MASK]": 4, \#(keys),"#)
    #expect(problem { try withFolder(["tokenizer.json": json]) { try loadTokenizer(folder: $0) } }.contains("same id"))
  }
}
