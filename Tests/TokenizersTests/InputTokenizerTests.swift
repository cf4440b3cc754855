import Foundation
import Testing

@testable import Tokenizers

@Suite struct InputTokenizerTests {
  /// What PyLate 1.6 makes of the texts of `pylate-train.jsonl`.
  private struct Golden: Decodable {
    let query_ids: [[Int32]]
    let query_attention_mask: [[Int]]
    let positive_ids: [[Int32]]
    let negative_ids: [[Int32]]
    let skiplist_ids: Set<Int32>
  }

  private struct Row: Decodable {
    let query: String
    let pos: [String]
    let neg: [String]
  }

  @Test func textsAreTokenizedAsByPyLate() throws {
    let golden = try decoded("pylate.json", as: Golden.self)
    let rows = try rows()
    let (input, notices) = try loadInputTokenizer(folder: fixture("tiny-pylate"), maxPositions: 128)
    #expect(notices == [])
    #expect(input.conventions.skipList == golden.skiplist_ids)
    #expect(rows.count == golden.query_ids.count)
    for (index, row) in rows.enumerated() {
      let query = input.tokenize(row.query, as: .query)
      #expect(query.ids == golden.query_ids[index])
      #expect(query.keyCount == golden.query_attention_mask[index].reduce(0, +))
      #expect(query.givesVector == Array(repeating: true, count: 16))
      for (text, ids) in [(row.pos[0], golden.positive_ids[index]), (row.neg[0], golden.negative_ids[index])] {
        let document = input.tokenize(text, as: .document)
        #expect(document.ids == ids)
        #expect(document.keyCount == ids.count)
        #expect(document.givesVector == ids.map { !golden.skiplist_ids.contains($0) })
      }
    }
  }

  private func rows() throws -> [Row] {
    try String(contentsOf: fixtures.appendingPathComponent("pylate-train.jsonl"), encoding: .utf8)
      .split(separator: "\n").map { try JSONDecoder().decode(Row.self, from: Data($0.utf8)) }
  }

  @Test func longTextsAreCutAndSaySo() throws {
    let (input, _) = try loadInputTokenizer(
      folder: fixture("tiny-pylate"), queryMaxLength: 6, documentMaxLength: 5, maxPositions: 128)
    let query = input.tokenize("the and the and the", as: .query)
    #expect(query.ids == [2, 2500, 153, 161, 153, 3])
    #expect(query.isTruncated && query.keyCount == 6 && query.textTokenCount == 3)
    let exact = input.tokenize("the and", as: .document)
    #expect(exact.ids == [2, 2501, 153, 161, 3])
    #expect(!exact.isTruncated && exact.textTokenCount == 2)
    let one = input.tokenize("the", as: .query)
    #expect(one.ids == [2, 2500, 153, 3, 4, 4])
    #expect(!one.isTruncated && one.keyCount == 4)
  }

  @Test(arguments: ["", " \n", "\u{200B}"])
  func emptyTextsHaveNoTokensOfTheirOwn(text: String) throws {
    let (input, _) = try loadInputTokenizer(folder: fixture("tiny-pylate"), queryMaxLength: 5, maxPositions: 128)
    #expect(
      input.tokenize(text, as: .document)
        == TokenizedText(
          ids: [2, 2501, 3], keyCount: 3, givesVector: [true, true, true], textTokenCount: 0, isTruncated: false))
    #expect(input.tokenize(text, as: .query).ids == [2, 2500, 3, 4, 4])
    #expect(input.tokenize(text, as: .query).textTokenCount == 0)
  }

  /// Sentence Transformers strips texts, so that the marker's space is gone and with it the marker.
  @Test func markersInTextsLoseTheirSpaceAtTheEnd() throws {
    let (input, _) = try loadInputTokenizer(folder: fixture("tiny-pylate"), maxPositions: 128)
    #expect(input.tokenize("[Q] the", as: .query).ids.prefix(4) == [2, 2500, 2500, 153])
    #expect(input.tokenize("the [Q] ", as: .query).ids.prefix(7) == [2, 2500, 153, 37, 59, 39, 3])
  }

  @Test func conventionsSayWhichTokensCount() throws {
    let tokenizer = try loadTokenizer(folder: fixture("tiny-pylate"))
    let attending = InputTokenizer(
      tokenizer: tokenizer,
      conventions: InputConventions(queryMaxLength: 6, expandsQueries: true, attendsToExpansion: true, skipList: [18]))
    #expect(attending.tokenize("the.", as: .query).keyCount == 6)
    #expect(attending.tokenize("the.", as: .query).givesVector == Array(repeating: true, count: 6))
    #expect(attending.tokenize("the.", as: .document).givesVector == [true, true, false, true])
    let firstDropped = InputTokenizer(
      tokenizer: tokenizer, conventions: InputConventions(skipList: [18], dropsFirstToken: true))
    #expect(firstDropped.tokenize("the.", as: .query).ids == [2, 153, 18, 3])
    #expect(firstDropped.tokenize("the.", as: .query).givesVector == [false, true, true, true])
    #expect(firstDropped.tokenize("the.", as: .document).givesVector == [false, true, false, true])
  }
}
