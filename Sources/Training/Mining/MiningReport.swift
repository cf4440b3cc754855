/// What was mined, as numbers that add up over blocks of queries.
struct MiningReport: Codable, Equatable {
  var queries = 0
  var negatives = 0
  /// Queries with fewer negatives than asked for, those without any among them.
  var short = 0
  var without = 0
  /// Documents that were scored for all queries, and of these the ones of which no token is left and those that rank outside
  /// the windows; the others are `considered`.
  var scored = 0
  var empty = 0
  var outside = 0
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
    scored += other.scored
    empty += other.empty
    outside += other.outside
    considered += other.considered
    broken.merge(other.broken, uniquingKeysWith: +)
    positiveScores.merge(other.positiveScores)
    negativeScores.merge(other.negativeScores)
  }

  /// For people.
  func text(_ settings: Configuration.Mining, _ corpus: MinedCorpus) -> String {
    let mean = ProgressFormat.decimals(Double(negatives) / Double(max(1, queries)), 2)
    let fewer = "\(short) queries have fewer than \(settings.negatives), \(without) of them none"
    let ranks = "ranks \(settings.firstRank) to \(settings.lastRank)"
    let ofCorpus = [
      ("documents of the corpus", corpus.records), ("  repeat an earlier text", corpus.repetitions),
      ("  are empty", corpus.blanks), ("  left", corpus.documents),
    ]
    let ofScored = [
      ("documents scored for all queries", scored), ("  no token is left of them", empty),
      ("  outside \(ranks)", outside), ("  in \(ranks)", considered),
    ]
    let taken = considered - broken.values.reduce(0, +)
    let ofWindow =
      [("documents in \(ranks)", considered)]
      + MiningRules.Rule.allCases.map { ("  \($0.rawValue)", broken[$0] ?? 0) }.filter { $0.1 > 0 }
      + [("  left", taken), ("  taken (mining.sampling: \(settings.sampling.rawValue))", negatives)]
    let tables = [ofCorpus, ofScored, ofWindow]
    let width = tables.joined().map(\.0.count).max()!
    let lines = tables.flatMap { table in
      table.map { name, count in
        let share = ProgressFormat.decimals(100 * Double(count) / Double(max(1, table[0].1)), 1)
        return "\(name.padded(to: width))  \("\(count)".leftPadded(to: 10))  \(share.leftPadded(to: 5))%"
      }
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

  /// At most sixteen bins of one width, from the lowest score of both to the highest.
  static func bins(positives: ScoreHistogram, negatives: ScoreHistogram) -> [ScoreBin] {
    let used = positives.counts.indices.filter { positives.counts[$0] + negatives.counts[$0] > 0 }
    guard let first = used.first, let last = used.last else { return [] }
    let perLine = (last - first) / lines + 1
    let step = 2 * positives.bound / Float(binCount)
    return stride(from: first, through: last, by: perLine).map { start in
      let bins = start..<min(start + perLine, binCount)
      return ScoreBin(
        from: Float(start) * step - positives.bound, positives: positives.counts[bins].reduce(0, +),
        negatives: negatives.counts[bins].reduce(0, +))
    }
  }

  /// Both beside each other.
  static func table(positives: ScoreHistogram, negatives: ScoreHistogram) -> [String] {
    let bins = bins(positives: positives, negatives: negatives)
    guard let most = bins.map({ max($0.positives, $0.negatives) }).max() else { return [] }
    let heading = "score from".leftPadded(to: 10) + "  positives".padded(to: 32) + "  negatives"
    return [heading]
      + bins.map { bin in
        let score = ProgressFormat.decimals(Double(bin.from), 3).leftPadded(to: 10)
        return "\(score)  \(bar(bin.positives, of: most).padded(to: 30))  \(bar(bin.negatives, of: most))"
      }
  }

  private static func bar(_ count: Int, of most: Int) -> String {
    let length = (count * 20 + most - 1) / most
    return String(repeating: "█", count: length) + (count > 0 ? " \(count)" : "")
  }
}

extension String {
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
  fileprivate func leftPadded(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
