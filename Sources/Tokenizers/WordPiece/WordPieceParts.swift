/// What the files of a WordPiece tokenizer say, from whichever layout.
struct WordPieceParts {
  /// By id.
  var vocabulary: [String]
  var addedTokens: [AddedToken]
  var normalizer: BERTNormalizer
  var specialTokens: SpecialTokens
  var continuationPrefix = "##"
  var longestWord = 100

  /// The number of every token of the vocabulary, checked: no token twice.
  func vocabularyIDs(file: String) throws(TokenizerError) -> ScalarTrie {
    var known = ScalarTrie()
    for (id, token) in vocabulary.enumerated() {
      if let other = known.insert(token.scalarValues, Int32(id)) {
        throw TokenizerError(
          file: file, problem: "the token \"\(token)\" has two ids, \(other) and \(id); the vocabulary is damaged")
      }
    }
    return known
  }
}
