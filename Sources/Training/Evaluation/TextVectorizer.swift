import LateInteraction
import Tensors
import Tokenizers

/// Encodes many texts a few thousand tokens at a time, so that memory does not grow with their number.
struct TextVectorizer {
  let model: LoadedModel
  let role: TextRole

  /// A block's tokens: enough rows for fast products, few enough for a small footprint.
  private static let blockTokens = 4_096

  /// Calls `body` with the vectors of consecutive runs of texts that cover `range`, in order.
  ///
  /// - Parameters:
  ///   - text: gives the text of a number.
  ///   - body: gets the numbers of a block's texts, their tokens and their vectors, which are gone after the call.
  func forEachBlock(
    _ range: Range<Int>, text: (Int) throws -> String,
    _ body: (Range<Int>, TokenBatch, TextVectors) throws -> Void
  ) throws {
    var batch = TokenBatch()
    var first = range.lowerBound
    for number in range {
      let tokens = model.input.tokenize(try text(number), as: role)
      if batch.textCount > 0, batch.tokenCount + tokens.ids.count > Self.blockTokens {
        try encode(first..<number, batch, body)
        batch = TokenBatch()
        first = number
      }
      batch.append(
        tokens.ids, keyCount: tokens.keyCount, givesVector: tokens.givesVector, place: Place(slot: number, text: 0))
    }
    if batch.textCount > 0 { try encode(first..<range.upperBound, batch, body) }
  }

  private func encode(
    _ numbers: Range<Int>, _ batch: TokenBatch, _ body: (Range<Int>, TokenBatch, TextVectors) throws -> Void
  ) throws {
    try body(numbers, batch, model.model.forward(batch).vectors)
  }
}
