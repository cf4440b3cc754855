#if SENTENCEPIECE
  import Foundation
  import Testing

  @testable import Tokenizers

  @Suite struct SentencePieceTests {
    /// Ids that Hugging Face's `transformers` gave to the same texts (`Fixtures/sentencepiece/make-fixtures.py`).
    @Test(arguments: ["../tiny-bge-m3", "characters", "no-map"])
    func everyTextHasItsIDs(folder: String) throws {
      let texts = try decoded("sentencepiece/texts.json", as: [String].self)
      let expected = try #require(decoded("sentencepiece/ids.json", as: [String: [[Int32]]].self)[folder])
      let tokenizer = try loadTokenizer(folder: fixture("sentencepiece/\(folder)"))
      #expect(texts.count == expected.count)
      for (text, ids) in zip(texts, expected) {
        #expect(tokenizer.ids(of: text) == ids, "\(text.debugDescription), \(text.unicodeScalars.map(\.value))")
      }
    }

    private struct Golden: Decodable {
      let text: String
      let ids: [Int32]
    }

    @Test func goldenTextsHaveTheirIDs() throws {
      let input = InputTokenizer(
        tokenizer: try loadTokenizer(folder: fixture("tiny-bge-m3")),
        conventions: InputConventions(queryMaxLength: 512, documentMaxLength: 512, dropsFirstToken: true))
      for golden in try decoded("bge-m3-tokens.json", as: [Golden].self) {
        for role in TextRole.allCases {
          #expect(input.tokenize(golden.text, as: role).ids == golden.ids, "\(golden.text.debugDescription)")
        }
      }
    }

    private struct GoldenRun: Decodable {
      let query_max_length: Int
      let passage_max_length: Int
      let query_ids: [[Int32]]
      let passage_ids: [[Int32]]
    }

    private struct Row: Decodable {
      let query: String
      let pos: [String]
      let neg: [String]
    }

    /// Documents lie per query: positive, then negative. Whatever is cut, `</s>` stays.
    @Test func trainingTextsAreCutAsByFlagEmbedding() throws {
      let golden = try decoded("bge-m3.json", as: GoldenRun.self)
      let rows = try String(contentsOf: fixtures.appendingPathComponent("bge-m3-train.jsonl"), encoding: .utf8)
        .split(separator: "\n").map { try JSONDecoder().decode(Row.self, from: Data($0.utf8)) }
      let input = InputTokenizer(
        tokenizer: try loadTokenizer(folder: fixture("tiny-bge-m3")),
        conventions: InputConventions(
          queryMaxLength: golden.query_max_length, documentMaxLength: golden.passage_max_length, dropsFirstToken: true))
      let queries = rows.map { input.tokenize($0.query, as: .query) }
      let documents = rows.flatMap { [$0.pos[0], $0.neg[0]] }.map { input.tokenize($0, as: .document) }
      #expect(queries.map(\.ids) == golden.query_ids)
      #expect(documents.map(\.ids) == golden.passage_ids)
      #expect(documents.contains { $0.isTruncated })
      for text in queries + documents {
        #expect(text.ids.last == 2)
        #expect(text.keyCount == text.ids.count)
        #expect(text.givesVector == [false] + Array(repeating: true, count: text.ids.count - 1))
      }
    }

    @Test func idsAreThoseOfFairseq() throws {
      let tokenizer = try loadTokenizer(folder: fixture("tiny-bge-m3"))
      #expect(tokenizer.vocabularySize == 3002)
      #expect(tokenizer.classification == 0)
      #expect(tokenizer.padding == 1)
      #expect(tokenizer.separator == 2)
      #expect(tokenizer.unknown == 3)
      #expect(tokenizer.mask == 3001)
      let tokens = [0, 1, 2, 3, 4, 3001].map { tokenizer.token(of: $0) }
      #expect(tokens == ["<s>", "<pad>", "</s>", "<unk>", "▁", "<mask>"])
      for id in 0..<Int32(tokenizer.vocabularySize) {
        #expect(try tokenizer.id(of: #require(tokenizer.token(of: id))) == id)
      }
      #expect(tokenizer.token(of: 3002) == nil)
      #expect(tokenizer.token(of: -1) == nil)
      #expect(tokenizer.id(of: "") == nil)
    }

    /// The path through a word of 100,000 characters is traced back, not recursed.
    @Test func longWordsAreSpelledToTheirEnd() throws {
      let tokenizer = try loadTokenizer(folder: fixture("tiny-bge-m3"))
      let word = String(repeating: "unbreakable", count: 9000)
      let ids = tokenizer.ids(of: word)
      #expect(ids.compactMap(tokenizer.token).joined() == "▁" + word)
    }

    /// BGE-M3's own folder has both files.
    @Test func sentencePieceWinsOverTokenizerJSON() throws {
      let model = try Data(contentsOf: fixtures.appendingPathComponent("tiny-bge-m3/sentencepiece.bpe.model"))
      let files = ["tokenizer.json": #"{"model": {"type": "Unigram", "vocab": []}}"#]
      let tokenizer = try withFolder(files, binaries: ["sentencepiece.bpe.model": model]) {
        try loadTokenizer(folder: $0)
      }
      #expect(tokenizer.vocabularySize == 3002)
    }
  }
#endif
