import Foundation
import Training

/// A page that shows an explanation as heat maps; with `before`, two models side by side.
func explanationPage(_ now: Explanation, before: Explanation?) -> String {
  let models = [(before, "before"), (now, "now")].compactMap { explanation, time in
    explanation.map { ($0, before == nil ? nil : time) }
  }
  let sections = now.documents.indices.map { number in
    let views = models.map { "<section>\($0.view(number, time: $1))</section>" }.joined(separator: "\n")
    return "<h2>Document \(number + 1)</h2>\n<div class=\"models\">\n\(views)\n</div>"
  }
  return HTMLPage(
    title: "Why these scores?", style: style,
    body: """
      <p>Each token of the query looks for the most similar token of the document; the score is the \(now.reduction) of these
      similarities. A document's token is the darker the more it adds to the score; hover over it for the number.</p>
      \(models.map { "<p>\($1.map { "\($0.capitalized): " } ?? "Model: ")<code>\(escaped($0.model))</code></p>" }.joined(separator: "\n"))
      <p>Query: \(now.query.shaded { _ in nil })</p>
      \(scoreTable(models))
      \(sections.joined(separator: "\n"))
      """
  ).text
}

private func scoreTable(_ models: [(explanation: Explanation, time: String?)]) -> String {
  let rows = models[0].explanation.documents.indices.map { number in
    let scores = models.map { $0.explanation.documents[number].score }
    let change = scores.count == 2 ? [(scores[1] < scores[0] ? "" : "+") + figure(scores[1] - scores[0])] : []
    return ["Document \(number + 1)"] + scores.map(figure) + change
  }
  let columns = models.map { $0.time.map { "Score \($0)" } ?? "Score" } + (models.count == 2 ? ["Change"] : [])
  return htmlTable(["Document"] + columns, rows, numbers: Set(1...columns.count))
}

private func figure(_ value: Float) -> String { Figure.decimals(Double(value), 4) }

extension Explanation {
  /// One document: its tokens, the matches, and the similarity of every pair.
  fileprivate func view(_ number: Int, time: String?) -> String {
    let document = documents[number]
    let contributions = document.contributions
    let largest = contributions.max() ?? 0
    let isCut =
      document.text.isTruncated ? "<p class=\"faint\">Too long: the model reads only this much of it.</p>" : ""
    return """
      <h3>\(time.map { "\($0.capitalized): score" } ?? "Score") \(figure(document.score))</h3>
      <p>\(document.text.shaded { place in
        contributions[place] == 0 ? nil : (contributions[place] / max(largest, .leastNormalMagnitude), contributions[place])
      })</p>
      \(isCut)
      <details open><summary>What each query token matched</summary>\(matchTable(document))</details>
      <details open><summary>Similarity of every pair of tokens</summary>\(map(document))</details>
      """
  }

  private func matchTable(_ document: Document) -> String {
    let largest = document.matches.map(\.contribution).max() ?? 0
    let rows = document.matches.map { match in
      let width = largest > 0 ? max(0, match.contribution / largest) * 100 : 0
      return [
        token(query.tokens[match.queryToken]), token(document.text.tokens[match.documentToken]),
        figure(match.similarity), figure(match.contribution),
        "<span class=\"bar\" style=\"width:\(Figure.decimals(Double(width), 0))%\"></span>",
      ]
    }
    return htmlTable(
      ["Query token", "Matched", "Similarity", "Contribution", "<span class=\"faint\">of the largest</span>"], rows,
      numbers: [2, 3])
  }

  /// Rows: query tokens; columns: document tokens. Of a very long document only the columns that some token matched.
  private func map(_ document: Document) -> String {
    let places = document.text.vectorPlaces
    let matched = Set(document.matches.map(\.documentToken))
    let columns = places.indices.filter { places.count <= 1_000 || matched.contains(places[$0]) }
    let values = document.similarities.flatMap { row in columns.map { row[$0] } }
    let (low, high) = (values.min() ?? 0, values.max() ?? 1)
    let scale = max(high - low, .leastNormalMagnitude)
    let header = columns.map { "<th scope=\"col\">\(token(document.text.tokens[places[$0]]))</th>" }.joined()
    let rows = document.matches.enumerated().map { row, match in
      let cells = columns.map { column in
        let value = document.similarities[row][column]
        let winner = places[column] == match.documentToken ? " class=\"winner\"" : ""
        let share = Figure.decimals(Double((value - low) / scale), 2)
        return "<td\(winner) style=\"--s:\(share)\" title=\"\(Figure.decimals(Double(value), 3))\"></td>"
      }
      return "<tr><th scope=\"row\">\(token(query.tokens[match.queryToken]))</th>\(cells.joined())</tr>"
    }
    let part = columns.count < places.count ? "; of \(places.count) document tokens those that were matched" : ""
    return """
      <p class="faint">From \(Figure.decimals(Double(low), 2)) (pale) to \(Figure.decimals(Double(high), 2)) (dark); ringed: the \
      match\(part).</p>
      <div class="wide"><table class="map"><thead><tr><td></td>\(header)</tr></thead>
      <tbody>
      \(rows.joined(separator: "\n"))
      </tbody></table></div>
      """
  }

  private func token(_ token: Token) -> String {
    "<span class=\"token\(token.isExpansion ? " faint" : "")\">\(escaped(token.shown))</span>"
  }
}

extension Explanation.Text {
  /// The tokens as running text, each on a ground of a share, with a number to show on demand.
  fileprivate func shaded(_ share: (Int) -> (share: Float, contribution: Float)?) -> String {
    tokens.indices.map { place in
      let space = hasSpace(before: place) ? " " : ""
      let text = escaped(tokens[place].shown)
      guard let (share, contribution) = share(place) else { return "\(space)<span class=\"token\">\(text)</span>" }
      let ground = Figure.decimals(Double(max(0, share)), 2)
      return
        "\(space)<span class=\"token lit\" style=\"--s:\(ground)\" title=\"\(figure(contribution))\">\(text)</span>"
    }.joined()
  }
}

private let style = """
  .models { display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 2rem; }
  .models section { min-width: 0; }
  .lit { background: rgb(var(--heat) / calc(var(--s) * 0.5)); border-radius: 0.2em; padding: 0.1em 0.05em; }
  .bar { display: inline-block; height: 0.7em; min-width: 1px; background: rgb(var(--heat)); }
  td:has(.bar) { width: 8rem; }
  summary { cursor: pointer; font-weight: 600; margin: 0.6rem 0 0.3rem; }
  .map { font-size: 0.75rem; }
  .map th, .map td { border: 0; padding: 0; }
  .map thead th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; vertical-align: bottom; }
  .map tbody th { text-align: right; padding-right: 0.4rem; white-space: nowrap; }
  .map tbody td {
    min-width: 1.1rem; height: 1.1rem; background: rgb(var(--heat) / var(--s)); border: 1px solid var(--ground);
  }
  .map .winner { outline: 2px solid var(--ink); outline-offset: -2px; }
  """
