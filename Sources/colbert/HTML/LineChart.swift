import Foundation

/// Lines over steps, as SVG that takes its colours from the page.
struct LineChart {
  struct Line {
    /// For the legend.
    let name: String
    /// Which of the page's series it has the colour and the dashes of.
    let series: Int
    /// In ascending order of `x`.
    let points: [(x: Double, y: Double)]
    var hasMarks = false
  }

  let title: String
  let yName: String
  let lines: [Line]
  /// The smallest range of values to show, beside that of the data.
  var includesZero = false

  private static let size = (width: 640.0, height: 260.0)
  private static let margin = (left: 76.0, right: 14.0, top: 12.0, bottom: 40.0)
  /// More would not be seen, and would make a big file.
  private static let mostPoints = 600

  /// A figure with its caption and, for several lines, a legend; empty without any point.
  var html: String {
    let lines = lines.filter { !$0.points.isEmpty }
    guard !lines.isEmpty else { return "" }
    let legend = lines.count == 1 ? "" : lines.map { Self.key($0) }.joined(separator: " ")
    return """
      <figure><figcaption><strong>\(escaped(title))</strong> \(legend)</figcaption>
      \(svg(lines))
      </figure>
      """
  }

  private static func key(_ line: Line) -> String {
    """
    <span class="key"><svg viewBox="0 0 24 8" width="24" height="8" aria-hidden="true"><path class="line series-\(line.series % 6)" \
    d="M0 4H24"/></svg> \(escaped(line.name))</span>
    """
  }

  private func svg(_ lines: [Line]) -> String {
    let x = Axis(lines.flatMap { [$0.points.first!.x, $0.points.last!.x] }, count: 8, includesZero: false)
    let y = Axis(lines.flatMap { $0.points.map(\.y) }, count: 5, includesZero: includesZero)
    let (size, margin) = (Self.size, Self.margin)
    func place(_ point: (x: Double, y: Double)) -> (x: Double, y: Double) {
      (
        margin.left + x.share(point.x) * (size.width - margin.left - margin.right),
        size.height - margin.bottom - y.share(point.y) * (size.height - margin.top - margin.bottom)
      )
    }
    let bottom = size.height - margin.bottom
    let grid =
      y.ticks.map { tick in
        let at = round(place((x.low, tick)).y)
        return """
          <path class="grid" d="M\(short(margin.left)) \(short(at))H\(short(size.width - margin.right))"/>\
          <text class="tick end" x="\(short(margin.left - 7))" y="\(short(at + 4))">\(y.text(tick))</text>
          """
      }
      + x.ticks.map { tick in
        let at = place((tick, y.low)).x
        return """
          <path class="grid" d="M\(short(at)) \(short(bottom))v4"/>\
          <text class="tick middle" x="\(short(at))" y="\(short(bottom + 18))">\(x.text(tick))</text>
          """
      }
    let drawn = lines.map { line in
      let places = thinned(line.points).map(place)
      let path = places.enumerated().map { "\($0 == 0 ? "M" : "L")\(short($1.x)) \(short($1.y))" }.joined()
      let marks =
        line.hasMarks || places.count == 1
        ? places.map {
          "<circle class=\"mark series-\(line.series % 6)\" cx=\"\(short($0.x))\" cy=\"\(short($0.y))\" r=\"3.5\"/>"
        } : []
      return "<path class=\"line series-\(line.series % 6)\" d=\"\(path)\"/>" + marks.joined()
    }
    return """
      <svg viewBox="0 0 \(Int(size.width)) \(Int(size.height))" role="img" aria-label="\(escaped(description(lines)))">
      \(grid.joined(separator: "\n"))
      <text class="tick middle" x="\(short((margin.left + size.width - margin.right) / 2))" y="\(short(size.height - 5))">step</text>
      <text class="tick middle" transform="translate(13 \(short(bottom / 2 + 6))) rotate(-90)">\(escaped(yName))</text>
      \(drawn.joined(separator: "\n"))
      </svg>
      """
  }

  /// What the picture shows, for who does not see it.
  private func description(_ lines: [Line]) -> String {
    let parts = lines.map { line in
      let (first, last) = (line.points.first!, line.points.last!)
      let name = lines.count == 1 ? "" : "\(line.name): "
      return "\(name)\(shortNumber(first.y)) at step \(Int(first.x)), \(shortNumber(last.y)) at step \(Int(last.x))"
    }
    return "\(title). \(parts.joined(separator: "; "))"
  }

  /// At most `mostPoints`, each the mean of its neighbours.
  private func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    guard points.count > Self.mostPoints else { return points }
    return (0..<Self.mostPoints).map { place in
      let range = place * points.count / Self.mostPoints..<(place + 1) * points.count / Self.mostPoints
      let count = Double(range.count)
      return (points[range].reduce(0) { $0 + $1.x } / count, points[range].reduce(0) { $0 + $1.y } / count)
    }
  }

  static let style = """
    figure { margin: 0; min-width: 0; }
    figcaption { margin-bottom: 0.2rem; }
    .key { color: var(--faint); font-size: 0.85rem; margin-left: 0.8rem; white-space: nowrap; }
    .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); gap: 1.4rem 2rem; margin-top: 1rem; }
    svg { display: block; width: 100%; height: auto; }
    .key svg { display: inline; width: 24px; vertical-align: middle; }
    .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
    .grid { stroke: var(--line); stroke-width: 1; fill: none; }
    .tick { fill: var(--faint); font: 12px system-ui, sans-serif; }
    .end { text-anchor: end; } .middle { text-anchor: middle; }
    .line.series-1 { stroke-dasharray: 7 3; } .line.series-2 { stroke-dasharray: 2 3; }
    .line.series-3 { stroke-dasharray: 9 3 2 3; } .line.series-4 { stroke-dasharray: 12 4; }
    .line.series-5 { stroke-dasharray: 4 2; }
    \((0..<6).map { ".line.series-\($0) { stroke: var(--series-\($0)); } .series-\($0):not(.line) { fill: var(--series-\($0)); }" }.joined(separator: "\n"))
    """
}

/// A range of numbers with round ones in it.
struct Axis {
  let low: Double
  let high: Double
  let ticks: [Double]
  private let step: Double

  /// - Parameter count: about how many round numbers there are to be.
  init(_ values: [Double], count: Int, includesZero: Bool) {
    var (low, high) = (values.min() ?? 0, values.max() ?? 1)
    if includesZero { (low, high) = (min(low, 0), max(high, 0)) }
    if high <= low {
      let room = max(abs(low) * 0.1, 1e-9)
      (low, high) = (low - room, high + room)
    }
    let rough = (high - low) / Double(count)
    let power = pow(10, floor(log10(rough)))
    step = power * ([1, 2, 5, 10].first { $0 * power >= rough } ?? 10)
    ticks = stride(from: (low / step).rounded(.up), through: (high / step).rounded(.down), by: 1).map { [step] in
      $0 * step
    }
    self.low = low
    self.high = high
  }

  func share(_ value: Double) -> Double { (value - low) / (high - low) }

  /// A tick with the digits that tell it from the next.
  func text(_ tick: Double) -> String {
    if max(abs(low), abs(high)) >= 1e6 || step < 1e-4 {
      return tick == 0
        ? "0" : String(format: "%.\(tick / step == (tick / step).rounded() && step < 1e-4 ? 1 : 2)e", tick)
    }
    return String(format: "%.\(max(0, Int((-log10(step)).rounded(.up))))f", tick)
  }
}

/// One decimal: a tenth of a pixel.
private func short(_ value: Double) -> String {
  let rounded = (value * 10).rounded() / 10
  return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
}

/// Four figures or so.
func shortNumber(_ value: Double) -> String {
  value != 0 && abs(value) < 1e-3 ? String(format: "%.2e", value) : String(format: "%.4g", value)
}
