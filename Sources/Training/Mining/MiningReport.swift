/// What was mined, as numbers that add up over blocks of queries.
struct MiningReport: Codable, Equatable {
  var queries = 0
  var negatives = 0
  /// Queries with fewer negatives than asked for, those without any among them.
  var short = 0
  var without = 0
  /// Documents in the windows of all queries, and why they were not taken.
  var considered = 0
  var broken: [MiningRules.Rule: Int] = [:]
  var positiveScores: ScoreHistogram
  var negativeScores: ScoreHistogram

  /// - Parameter bound: no score is larger, nor smaller than its negative.
  init(bound: Float) {
    positiveScores = ScoreHistogram(bound: bound)
    negativeScores = positiveScores
  }

  mutating func merge(_ other: MiningReport) {
    queries += other.queries
    negatives += other.negatives
    short += other.short
    without += other.without
    considered += other.considered
    broken.merge(other.broken, uniquingKeysWith: +)
    positiveScores.merge(other.positiveScores)
    negativeScores.merge(other.negativeScores)
  }

  /// For people.
  func text(_ settings: Configuration.Mining) -> String {
    let mean = ProgressFormat.decimals(Double(negatives) / Double(max(1, queries)), 2)
    let fewer = "\(short) queries have fewer than \(settings.negatives), \(without) of them none"
    let heading = "documents in ranks \(settings.firstRank) to \(settings.lastRank)"
    let taken = considered - broken.values.reduce(0, +)
    let shares =
      [(heading, considered)]
      + MiningRules.Rule.allCases.map { ("  \($0.rawValue)", broken[$0] ?? 0) }.filter { $0.1 > 0 }
      + [("  left", taken), ("  taken (mining.sampling: \(settings.sampling.rawValue))", negatives)]
    let width = shares.map(\.0.count).max()!
    let lines = shares.map { name, count in
      let share = ProgressFormat.decimals(100 * Double(count) / Double(max(1, considered)), 1)
      return "\(name.padded(to: width))  \("\(count)".leftPadded(to: 10))  \(share.leftPadded(to: 5))%"
    }
    return
      (["\(negatives) negatives for \(queries) queries, \(mean) a query; \(fewer)", ""] + lines + [""]
      + ScoreHistogram.table(positives: positiveScores, negatives: negativeScores)).joined(separator: "\n")
  }
}

/// How often which scores came, in bins of one width.
struct ScoreHistogram: Codable, Equatable {
  private static let binCount = 4_096
  private static let lines = 16

  let bound: Float
  private var counts: [Int]

  init(bound: Float) {
    self.bound = bound
    counts = Array(repeating: 0, count: Self.binCount)
  }

  mutating func add(_ score: Float) {
    let place = Int(((score / bound + 1) / 2 * Float(Self.binCount)).rounded(.down))
    counts[min(max(place, 0), Self.binCount - 1)] += 1
  }

  mutating func merge(_ other: ScoreHistogram) {
    for bin in counts.indices { counts[bin] += other.counts[bin] }
  }

  /// Both beside each other, in at most sixteen lines from the lowest score to the highest.
  static func table(positives: ScoreHistogram, negatives: ScoreHistogram) -> [String] {
    let used = positives.counts.indices.filter { positives.counts[$0] + negatives.counts[$0] > 0 }
    guard let first = used.first, let last = used.last else { return [] }
    let perLine = (last - first) / lines + 1
    let rows = stride(from: first, through: last, by: perLine).map { start in
      let bins = start..<min(start + perLine, binCount)
      return (start, positives.counts[bins].reduce(0, +), negatives.counts[bins].reduce(0, +))
    }
    let most = rows.map { max($0.1, $0.2) }.max()!
    let step = 2 * positives.bound / Float(binCount)
    let heading = "score from".leftPadded(to: 10) + "  positives".padded(to: 32) + "  negatives"
    return [heading]
      + rows.map { start, positive, negative in
        let score = ProgressFormat.decimals(Double(Float(start) * step - positives.bound), 3).leftPadded(to: 10)
        return "\(score)  \(bar(positive, of: most).padded(to: 30))  \(bar(negative, of: most))"
      }
  }

  private static func bar(_ count: Int, of most: Int) -> String {
    let length = (count * 20 + most - 1) / most
    return String(repeating: "#", count: length) + (count > 0 ? " \(count)" : "")
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
  fileprivate func leftPadded(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
