/// A token beside the model's vocabulary, or marked in it: matched as a whole in the text, before words are cut.
struct AddedToken {
  var content: String
  var id: Int32
  /// Matched only where no word continues on either side.
  var isSingleWord = false
  /// Swallows the whitespace before it.
  var stripsLeft = false
  /// Swallows the whitespace after it.
  var stripsRight = false
  /// Its normalised form is matched in the normalised text; else itself in the raw text.
  var isNormalized = false
}

/// A part of a text: an added token, or the range of scalars between two.
enum TextPiece: Equatable {
  case token(Int32)
  case text(Range<Int>)
}

/// Cuts added tokens out of a text: the leftmost, and there the longest, as Hugging Face's `tokenizers`.
struct AddedTokens: Sendable {
  private struct Match: Sendable {
    let id: Int32
    let isSingleWord, stripsLeft, stripsRight: Bool
  }

  /// The text of each token → its place in `matches`.
  private var patterns = ScalarTrie()
  private var matches: [Match] = []
  private let sets = BERTCharacters.ofScalars

  /// Adds a token that matches where `pattern` is; the id of another token with that pattern, if there is one.
  mutating func add(_ token: AddedToken, matching pattern: [UInt32]) -> Int32? {
    if let other = patterns.insert(pattern, Int32(matches.count)) { return matches[Int(other)].id }
    matches.append(
      Match(
        id: token.id, isSingleWord: token.isSingleWord, stripsLeft: token.stripsLeft, stripsRight: token.stripsRight))
    return nil
  }

  /// The tokens in a text and what lies between them, in order.
  func pieces(of text: [UInt32]) -> [TextPiece] {
    guard !patterns.isEmpty else { return [.text(0..<text.count)] }
    var pieces: [TextPiece] = []
    var done = 0
    var index = 0
    while index < text.count {
      guard let found = patterns.longestPrefix(of: text, from: index, to: text.count) else {
        index += 1
        continue
      }
      let match = matches[Int(found.value)]
      let range = index..<found.end
      index = found.end
      if match.isSingleWord && continuesWord(text, around: range) { continue }
      let start = match.stripsLeft ? startOfWhitespace(text, before: range.lowerBound, after: done) : range.lowerBound
      if done < start { pieces.append(.text(done..<start)) }
      pieces.append(.token(match.id))
      done = match.stripsRight ? endOfWhitespace(text, from: range.upperBound) : range.upperBound
    }
    if done < text.count { pieces.append(.text(done..<text.count)) }
    return pieces
  }

  private func continuesWord(_ text: [UInt32], around range: Range<Int>) -> Bool {
    range.lowerBound > 0 && isWord(text[range.lowerBound - 1])
      || range.upperBound < text.count && isWord(text[range.upperBound])
  }

  private func startOfWhitespace(_ text: [UInt32], before end: Int, after done: Int) -> Int {
    var start = end
    while start > done && sets[Int(text[start - 1])].contains(.whitespace) { start -= 1 }
    return start
  }

  private func endOfWhitespace(_ text: [UInt32], from start: Int) -> Int {
    var end = start
    while end < text.count && sets[Int(text[end])].contains(.whitespace) { end += 1 }
    return end
  }

  /// `\w` (Unicode Technical Standard 18, annex C).
  private func isWord(_ scalar: UInt32) -> Bool {
    let properties = Unicode.Scalar(scalar)!.properties
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return properties.isAlphabetic || properties.isJoinControl
    }
  }
}
