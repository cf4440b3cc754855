/// Spells words with a vocabulary: again and again the longest token that the rest of the word begins with.
///
/// A word that cannot be spelled to its end is one unknown token (Schuster & Nakajima 2012, as BERT uses it).
struct WordPiece: Sendable {
  let unknown: Int32
  /// Longer words, counted in scalars, are unknown.
  let longestWord: Int
  /// Tokens that begin a word.
  private var beginnings = ScalarTrie()
  /// Tokens that continue one, without their prefix.
  private var continuations = ScalarTrie()

  init(vocabulary: [String], unknown: Int32, continuationPrefix: String, longestWord: Int) {
    self.unknown = unknown
    self.longestWord = longestWord
    let prefix = continuationPrefix.scalarValues
    for (id, token) in vocabulary.enumerated() {
      let scalars = token.scalarValues
      beginnings.insert(scalars, Int32(id))
      if scalars.starts(with: prefix) { continuations.insert(Array(scalars[prefix.count...]), Int32(id)) }
    }
  }

  /// The id of one whole token of the vocabulary.
  func id(of token: String) -> Int32? { beginnings[token.scalarValues] }

  /// Appends the tokens of the word `range` of `text`, which is not empty.
  func append(_ range: Range<Int>, of text: [UInt32], to ids: inout [Int32]) {
    guard range.count <= longestWord else {
      ids.append(unknown)
      return
    }
    let count = ids.count
    var start = range.lowerBound
    while start < range.upperBound {
      let token =
        start == range.lowerBound
        ? beginnings.longestPrefix(of: text, from: start, to: range.upperBound)
        : continuations.longestPrefix(of: text, from: start, to: range.upperBound)
      guard let token else {
        ids.removeSubrange(count...)
        ids.append(unknown)
        return
      }
      ids.append(token.value)
      start = token.end
    }
  }
}
