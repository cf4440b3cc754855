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
  private let added: AddedVocabulary
  private let sets = BERTCharacters.ofScalars

  /// A tokenizer by its files' contents; `file` is named in errors.
  init(_ parts: WordPieceParts, file: String) throws(TokenizerError) {
    let known = try parts.vocabularyIDs(file: file)
    let added = try AddedVocabulary(
      parts.addedTokens, vocabularySize: parts.vocabulary.count, idInVocabulary: { known[$0.scalarValues] },
      normalize: { parts.normalizer.normalize($0[...]) }, file: file)
    self.added = added
    tokens = parts.vocabulary + added.tokens
    vocabularySize = tokens.count
    let id = { (token: String) in known[token.scalarValues] ?? added[token] }
    let special = parts.specialTokens
    classification = try special.required(id, \.classification, "cls_token", file: file)
    separator = try special.required(id, \.separator, "sep_token", file: file)
    padding = try special.required(id, \.padding, "pad_token", file: file)
    mask = special.mask.flatMap(id)
    wordPiece = WordPiece(
      vocabulary: parts.vocabulary, unknown: try special.required(id, \.unknown, "unk_token", file: file),
      continuationPrefix: parts.continuationPrefix, longestWord: parts.longestWord)
    normalizer = parts.normalizer
  }

  package func ids(of text: String) -> [Int32] {
    var ids: [Int32] = []
    let scalars = text.scalarValues
    for piece in added.raw.pieces(of: scalars) {
      switch piece {
      case .token(let id): ids.append(id)
      case .text(let range): append(normalized: normalizer.normalize(scalars[range]), to: &ids)
      }
    }
    return ids
  }

  package func id(of token: String) -> Int32? { added[token] ?? wordPiece.id(of: token) }

  package func token(of id: Int32) -> String? { tokens.indices.contains(Int(id)) ? tokens[Int(id)] : nil }

  private func append(normalized text: [UInt32], to ids: inout [Int32]) {
    for piece in added.normalized.pieces(of: text) {
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
