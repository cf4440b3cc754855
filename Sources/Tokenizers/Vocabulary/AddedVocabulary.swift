/// The tokens added to a vocabulary: their ids, and where they are in a text.
///
/// They are found in the raw text or in the normalised text, each as it says.
struct AddedVocabulary: Sendable {
  /// Tokens that the vocabulary lacks, by id from its size on.
  private(set) var tokens: [String] = []
  /// Added tokens that are matched before the text is normalised.
  private(set) var raw = AddedTokens()
  /// Added tokens that are matched in the normalised text.
  private(set) var normalized = AddedTokens()
  private var ids = ScalarTrie()

  /// Checks that `added` are numbered as Hugging Face numbers them; `file` is named in errors.
  init(
    _ added: [AddedToken], vocabularySize: Int, idInVocabulary: (String) -> Int32?,
    normalize: ([UInt32]) -> [UInt32], file: String
  ) throws(TokenizerError) {
    for token in added {
      let known = self[token.content] ?? idInVocabulary(token.content)
      let expected = known ?? Int32(vocabularySize + tokens.count)
      guard token.id == expected else {
        throw TokenizerError(
          file: file,
          problem: """
            the added token "\(token.content)" has id \(token.id), but Hugging Face numbers it \(expected): a token of \
            the vocabulary keeps its id, others follow the vocabulary in order without holes; save the tokenizer again
            """)
      }
      if known == nil {
        ids.insert(token.content.scalarValues, token.id)
        tokens.append(token.content)
      }
      try match(token, normalize: normalize, file: file)
    }
  }

  /// The id of a token that the vocabulary lacks.
  subscript(token: String) -> Int32? { ids[token.scalarValues] }

  private mutating func match(
    _ token: AddedToken, normalize: ([UInt32]) -> [UInt32], file: String
  ) throws(TokenizerError) {
    let pattern = token.isNormalized ? normalize(token.content.scalarValues) : token.content.scalarValues
    guard !pattern.isEmpty else {
      throw TokenizerError(
        file: file, problem: "the added token \(token.id), \"\(token.content)\", is empty once normalised")
    }
    let twin = token.isNormalized ? normalized.add(token, matching: pattern) : raw.add(token, matching: pattern)
    if let twin {
      throw TokenizerError(
        file: file, problem: "the added tokens \(twin) and \(token.id), \"\(token.content)\", match the same text")
    }
  }
}
