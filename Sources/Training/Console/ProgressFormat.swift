import Foundation

/// Numbers as a person reads them at a glance.
enum ProgressFormat {
  /// A span of time in its two largest units: `45 s`, `2 min 10 s`, `3 h 05 min`, `2 d 4 h`.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "?" }
    let whole = Int(max(0, seconds).rounded())
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60)
    if days > 0 { return "\(days) d \(hours) h" }
    if hours > 0 { return "\(hours) h \(minutes < 10 ? "0" : "")\(minutes) min" }
    return minutes > 0 ? "\(minutes) min \(whole % 60) s" : "\(whole) s"
  }

  /// A rate in three figures or so: `0.31`, `4.3`, `412`, `48.1k`, `1.2M`.
  static func rate(_ perSecond: Double) -> String {
    switch perSecond {
    case ..<0.995: decimals(perSecond, 2)
    case ..<9.95: decimals(perSecond, 1)
    case ..<999.5: decimals(perSecond, 0)
    case ..<999_950: decimals(perSecond / 1e3, 1) + "k"
    default: decimals(perSecond / 1e6, 1) + "M"
    }
  }

  static func decimals(_ value: Double, _ count: Int) -> String { String(format: "%.\(count)f", value) }

  /// A counter, a bar and facts in at most `columns` columns: first the bar gives way, then the facts, from the right.
  static func line(_ counter: String, share: Double, facts: [String], columns: Int) -> String {
    var facts = facts
    let barWidth = min(30, columns - ([counter] + facts).joined(separator: "  ").count - 3)
    if barWidth >= 5 { return "\(counter) \(bar(share, width: barWidth)) " + facts.joined(separator: "  ") }
    while !facts.isEmpty {
      let line = ([counter] + facts).joined(separator: "  ")
      if line.count <= columns { return line }
      facts.removeLast()
    }
    return String(counter.prefix(max(columns, 0)))
  }

  /// `share` of a bar of `width` columns, in eighths of a column: `▕███▌    ▏`.
  static func bar(_ share: Double, width: Int) -> String {
    let eighths = Int((min(max(share, 0), 1) * Double(width * 8)).rounded(.down))
    let part = eighths % 8 == 0 ? "" : String(Array("▏▎▍▌▋▊▉")[eighths % 8 - 1])
    let filled = String(repeating: "█", count: eighths / 8) + part
    return "▕" + filled + String(repeating: " ", count: width - filled.count) + "▏"
  }
}
