import Training

/// How an explanation looks on standard output.
struct ExplanationStyle {
  let isColored: Bool

  /// From little to much, with black letters on them: they can be read on dark and on light ground.
  private static let grounds = [230, 229, 228, 221, 214]

  /// `text` on a ground that says `share`, from 0 to 1.
  func shaded(_ text: String, _ share: Float) -> String {
    guard isColored, share > 0.02 else { return text }
    let ground = Self.grounds[min(Self.grounds.count - 1, Int(share * Float(Self.grounds.count)))]
    return "\u{1B}[30;48;5;\(ground)m\(text)\u{1B}[0m"
  }

  func strong(_ text: String) -> String { isColored ? "\u{1B}[1m\(text)\u{1B}[0m" : text }
}

extension Explanation {
  /// For people. `before` explains the same texts by another model.
  func text(before: Explanation?, _ style: ExplanationStyle) -> String {
    guard let before else {
      return documents.indices.map { block($0, style) }.joined(separator: "\n\n")
    }
    let haveSameQuery = before.query.tokens.map(\.text) == query.tokens.map(\.text)
    return documents.indices.map { number in
      let lines = [before.heading(number, "before", style), heading(number, "now", style)]
      guard haveSameQuery else {
        return (lines + ["", before.matchTable(number, style), "", matchTable(number, style)]).joined(separator: "\n")
      }
      return (lines + ["", comparison(number, before: before)]).joined(separator: "\n")
    }.joined(separator: "\n\n")
  }

  private func block(_ number: Int, _ style: ExplanationStyle) -> String {
    [heading(number, nil, style), "", matchTable(number, style)].joined(separator: "\n")
  }

  /// Score and shaded document.
  private func heading(_ number: Int, _ time: String?, _ style: ExplanationStyle) -> String {
    let document = documents[number]
    let name = "document \(number + 1)" + (time.map { ", \($0) (\(model))" } ?? "")
    let what = "\(reduction) over \(document.matches.count) query tokens"
    let cut = [(query.isTruncated, "query"), (document.text.isTruncated, "document")].filter(\.0).map(\.1)
    let notice = cut.isEmpty ? "" : "; the \(cut.joined(separator: " and the ")) was too long and is cut short"
    return """
      \(style.strong("\(name): score \(Figure.decimals(Double(document.score), 4))")) (\(what)\(notice))
        \(document.shaded(style))
      """
  }

  private func matchTable(_ number: Int, _ style: ExplanationStyle) -> String {
    let document = documents[number]
    let largest = document.matches.map(\.contribution).max() ?? 0
    let rows = document.matches.map { match in
      let share = largest > 0 ? max(0, match.contribution / largest) : 0
      let bar = String(repeating: "█", count: Int((share * 20).rounded()))
      return [
        query.tokens[match.queryToken].shown, document.text.tokens[match.documentToken].shown,
        "\(match.documentToken)", figure(match.similarity), figure(match.contribution),
        Figure.percent(Double(match.contribution / document.score)), bar,
      ]
    }
    return TextTable(
      ["query token", "matched", "at", "similarity", "contribution", "of the score", "of the largest"], rows,
      numbers: [2, 3, 4, 5]
    ).description
  }

  private func comparison(_ number: Int, before: Explanation) -> String {
    let (old, new) = (before.documents[number], documents[number])
    let rows = zip(old.matches, new.matches).map { earlier, later in
      [
        query.tokens[later.queryToken].shown, old.text.tokens[earlier.documentToken].shown,
        figure(earlier.contribution), new.text.tokens[later.documentToken].shown, figure(later.contribution),
        signed(later.contribution - earlier.contribution),
      ]
    }
    let total = [
      "score", "", figure(old.score), "", figure(new.score), signed(new.score - old.score),
    ]
    return TextTable(
      ["query token", "matched before", "contribution", "matched now", "contribution", "change"], rows + [total],
      numbers: [2, 4, 5]
    ).description
  }

  private func figure(_ value: Float) -> String { Figure.decimals(Double(value), 4) }
  private func signed(_ value: Float) -> String { (value < 0 ? "" : "+") + figure(value) }
}

extension Explanation.Document {
  /// The document's tokens as a text, each on a ground that says what it contributes.
  fileprivate func shaded(_ style: ExplanationStyle) -> String {
    let contributions = contributions
    let largest = contributions.max() ?? 0
    return text.tokens.indices.map { place in
      (text.hasSpace(before: place) ? " " : "")
        + style.shaded(text.tokens[place].shown, largest > 0 ? contributions[place] / largest : 0)
    }.joined()
  }
}
