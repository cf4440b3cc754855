import Foundation
import Training

extension Explanation.Token {
  /// As people read it: without the vocabulary's sign for the beginning or the middle of a word.
  var shown: String {
    let bare =
      text.hasPrefix("##") && text.count > 2
      ? String(text.dropFirst(2))
      : text.replacing("▁", with: "")
        .trimmingCharacters(in: .whitespaces)
    // A token may be any text: none of it is a command to a terminal.
    let printable = String(
      bare.map { $0.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } ? $0 : "·" })
    return printable.isEmpty ? "␣" : printable
  }

  /// Whether it goes on with the word before it.
  var continuesWord: Bool { text.hasPrefix("##") && text.count > 2 }
}

extension Explanation.Text {
  /// Whether a space stands before the token at `place`. SentencePiece marks beginnings of words, WordPiece what is none.
  func hasSpace(before place: Int) -> Bool {
    guard place > 0 else { return false }
    let marksBeginnings = tokens.contains { $0.text.hasPrefix("▁") }
    let isSpecial = { (token: Explanation.Token) in
      token.text.hasPrefix("[") || token.text.hasPrefix("<") && token.text.hasSuffix(">")
    }
    if isSpecial(tokens[place]) || isSpecial(tokens[place - 1]) { return true }
    return marksBeginnings ? tokens[place].text.hasPrefix("▁") : !tokens[place].continuesWord
  }
}

extension Explanation.Document {
  /// What each of the document's tokens adds to the score.
  var contributions: [Float] {
    matches.reduce(into: Array(repeating: 0, count: text.tokens.count)) { $0[$1.documentToken] += $1.contribution }
  }
}
