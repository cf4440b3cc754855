import Foundation

/// What the time of a step goes into, a bar for each run, and the numbers under them.
struct StackedBars {
  let bars: [(name: String, parts: [(part: String, seconds: Double)])]

  var html: String {
    let longest = bars.map { total($0.parts) }.max() ?? 1
    let names = bars.flatMap { $0.parts.map(\.part) }.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    let drawn = bars.map { bar in
      var x = 0.0
      let parts = bar.parts.map { part, seconds in
        let width = seconds / longest * 1_000
        defer { x += width }
        return """
          <rect class="part-\(names.firstIndex(of: part)! % 9)" x="\(Figure.decimals(x, 1))" width="\(Figure.decimals(width, 1))" height="26">\
          <title>\(escaped(part)): \(Figure.time(seconds))</title></rect>
          """
      }
      return """
        <p class="bar-name">\(escaped(bar.name)): \(Figure.time(total(bar.parts))) a step</p>
        <svg class="bar" viewBox="0 0 1000 26" preserveAspectRatio="none" role="img" aria-label="\(escaped(description(bar.parts)))">
        \(parts.joined())</svg>
        """
    }
    let rows = names.enumerated().map { number, name in
      let key =
        "<svg class=\"swatch\" viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect class=\"part-\(number % 9)\" width=\"10\" height=\"10\"/></svg>"
      return ["\(key) \(escaped(name))"]
        + bars.flatMap { bar in
          let seconds = bar.parts.first { $0.part == name }?.seconds ?? 0
          return [Figure.time(seconds), Figure.percent(seconds / max(total(bar.parts), .leastNormalMagnitude))]
        }
    }
    return drawn.joined(separator: "\n")
      + htmlTable(
        ["Part"] + bars.flatMap { [escaped($0.name), "share"] }, rows, numbers: Set(1...2 * bars.count))
  }

  private func total(_ parts: [(part: String, seconds: Double)]) -> Double { parts.reduce(0) { $0 + $1.seconds } }

  private func description(_ parts: [(part: String, seconds: Double)]) -> String {
    parts.map { "\($0.part) \(Figure.percent($0.seconds / total(parts)))" }.joined(separator: ", ")
  }

  /// Lightness goes up and down beside the hue, so that neighbours are told apart without it.
  static let style = """
    svg.bar { height: 26px; }
    .bar-name { margin: 0.6rem 0 0.2rem; }
    svg.swatch { display: inline-block; width: 0.7rem; height: 0.7rem; }
    svg.bar rect { stroke: var(--ground); stroke-width: 1.5; }
    .part-0 { fill: #2f6db5; } .part-1 { fill: #e0a040; } .part-2 { fill: #3f8f5f; } .part-3 { fill: #c9879b; }
    .part-4 { fill: #7a5aa6; } .part-5 { fill: #9fc3df; } .part-6 { fill: #a0522d; } .part-7 { fill: #b9c46a; }
    .part-8 { fill: #8a8a86; }
    """
}
