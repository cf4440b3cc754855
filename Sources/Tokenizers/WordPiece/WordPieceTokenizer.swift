/// BERT's tokenizer: added tokens are cut out, the rest is normalised, parted into words, and spelled with WordPiece.
///
/// The ids are those of Hugging Face's `tokenizers`.
package struct WordPieceTokenizer: Tokenizer {
  package let vocabularySize: Int
  package let classification: Int32
  package let separator: Int32
  package let mask: Int32?
  package let padding: Int32
  package var unknown: Int32 { wordPiece.unknown }

  /// By id: the vocabulary, then the added tokens that it lacks.
  private let tokens: [String]
  private let wordPiece: WordPiece
  private let normalizer: BERTNormalizer
  /// Added tokens that the vocabulary lacks.
  private let addedIDs: ScalarTrie
  /// Added tokens that are matched before the text is normalised.
  private let rawTokens: AddedTokens
  /// Added tokens that are matched in the normalised text.
  private let normalizedTokens: AddedTokens
  private let sets = BERTCharacters.ofScalars

  /// A tokenizer by its files' contents; `file` is named in errors.
  init(_ parts: WordPieceParts, file: String) throws(TokenizerError) {
    let ids = try parts.resolvedIDs(file: file)
    tokens = ids.tokens
    addedIDs = ids.added
    vocabularySize = tokens.count
    classification = ids.classification
    separator = ids.separator
    mask = ids.mask
    padding = ids.padding
    wordPiece = WordPiece(
      vocabulary: parts.vocabulary, unknown: ids.unknown, continuationPrefix: parts.continuationPrefix,
      longestWord: parts.longestWord)
    normalizer = parts.normalizer
    (rawTokens, normalizedTokens) = try parts.addedTokenMatchers(file: file)
  }

  package func ids(of text: String) -> [Int32] {
    var ids: [Int32] = []
    let scalars = text.scalarValues
    for piece in rawTokens.pieces(of: scalars) {
      switch piece {
      case .token(let id): ids.append(id)
      case .text(let range): append(normalized: normalizer.normalize(scalars[range]), to: &ids)
      }
    }
    return ids
  }

  package func id(of token: String) -> Int32? { addedIDs[token.scalarValues] ?? wordPiece.id(of: token) }

  package func token(of id: Int32) -> String? { tokens.indices.contains(Int(id)) ? tokens[Int(id)] : nil }

  private func append(normalized text: [UInt32], to ids: inout [Int32]) {
    for piece in normalizedTokens.pieces(of: text) {
      switch piece {
      case .token(let id): ids.append(id)
      case .text(let range): appendWords(of: text, in: range, to: &ids)
      }
    }
  }

  /// Parts `range` of `text` at whitespace and around each punctuation mark, and spells the words.
  private func appendWords(of text: [UInt32], in range: Range<Int>, to ids: inout [Int32]) {
    var start = range.lowerBound
    for index in range {
      let set = sets[Int(text[index])].intersection([.whitespace, .punctuation])
      if set.isEmpty { continue }
      if start < index { wordPiece.append(start..<index, of: text, to: &ids) }
      if set.contains(.punctuation) { wordPiece.append(index..<index + 1, of: text, to: &ids) }
      start = index + 1
    }
    if start < range.upperBound { wordPiece.append(start..<range.upperBound, of: text, to: &ids) }
  }
}
