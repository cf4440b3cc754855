import Checkpoints
import LateInteraction
import Tensors
import Tokenizers

/// Encodes many texts a few thousand tokens at a time, so that memory does not grow with their number.
struct TextVectorizer {
  let model: LoadedModel
  let role: TextRole
  var heads = Heads.colbert
  /// How many first components of the ColBERT vectors are kept, as vectors of length 1; nil: all.
  var narrowedTo: Int?
  private let narrowed = Arena()

  init(model: LoadedModel, role: TextRole, heads: Heads = .colbert, narrowedTo: Int? = nil) {
    self.model = model
    self.role = role
    self.heads = heads
    self.narrowedTo = narrowedTo
  }

  /// Of the vectors that it gives.
  var dimension: Int { narrowedTo ?? model.model.head.shape.dimension }

  /// A block's tokens: enough rows for fast products, few enough for a small footprint.
  private static let blockTokens = 4_096

  /// Calls `body` with what the heads make of consecutive runs of texts that cover `range`, in order.
  ///
  /// Throws when a number is not finite, naming the model and the text: it has no place in any ranking.
  /// - Parameters:
  ///   - text: gives the text of a number.
  ///   - location: gives where the text of a number stands, for errors.
  ///   - body: gets the numbers of a block's texts, their tokens and what the heads made of them, which is gone after the call.
  func forEachBlock(
    _ range: Range<Int>, text: (Int) throws -> String, location: (Int) -> String,
    _ body: (Range<Int>, TokenBatch, EncodedTexts) throws -> Void
  ) throws {
    var batch = TokenBatch()
    var first = range.lowerBound
    for number in range {
      let tokens = model.input.tokenize(try text(number), as: role)
      if batch.textCount > 0, batch.tokenCount + tokens.ids.count > Self.blockTokens {
        try encode(first..<number, batch, location, body)
        batch = TokenBatch()
        first = number
      }
      batch.append(
        tokens.ids, keyCount: tokens.keyCount, givesVector: tokens.givesVector, place: Place(slot: number, text: 0))
    }
    if batch.textCount > 0 { try encode(first..<range.upperBound, batch, location, body) }
  }

  private func encode(
    _ numbers: Range<Int>, _ batch: TokenBatch, _ location: (Int) -> String,
    _ body: (Range<Int>, TokenBatch, EncodedTexts) throws -> Void
  ) throws {
    let texts = model.model.forward(batch, heads: heads)
    if let text = firstNonFinite(texts) {
      throw ModelFileError(
        path: model.folder.path,
        problem: """
          the vectors of \(location(numbers.lowerBound + text)) are not finite; the weights are damaged, or too large for \
          single precision
          """)
    }
    try body(numbers, batch, narrowed(texts))
  }

  private func narrowed(_ texts: EncodedTexts) -> EncodedTexts {
    guard dimension < model.model.head.shape.dimension else { return texts }
    narrowed.reset()
    return texts.narrowed(to: dimension, in: narrowed, on: model.model.pool)
  }

  /// The first text with a number that is infinite or none.
  private func firstNonFinite(_ texts: EncodedTexts) -> Int? {
    func isFinite(_ texts: EncodedTexts) -> Bool {
      [texts.vectors.rows, texts.dense, texts.sparse?.weights.rows].allSatisfy {
        $0.map { squaredNorm($0, on: model.model.pool).isFinite } ?? true
      }
    }
    if isFinite(texts) { return nil }
    return (0..<texts.count).first { !isFinite(texts.texts($0..<$0 + 1)) }
  }
}
