import Datasets
import Foundation

/// Which of a query's best documents become its negatives.
struct MiningRules {
  private let settings: Configuration.Mining
  private let temperature: Double
  private let random: CounterRandom

  /// - Parameter temperature: of sampling by score.
  init(_ settings: Configuration.Mining, temperature: Double, seed: UInt64) {
    self.settings = settings
    self.temperature = temperature
    random = CounterRandom(seed: seed, epoch: 0, purpose: .mining)
  }

  /// Why a document of the window is not taken.
  enum Rule: String, Codable, CaseIterable {
    case positive = "known positives, or the query itself"
    case minScore = "below mining.min_score"
    case maxScore = "above mining.max_score"
    case margin = "within mining.margin of the positive"
    case relativeMargin = "within mining.relative_margin of the positive"
  }

  /// The documents of the window, which ranks `first_rank` to `last_rank` of those that may be taken make up.
  func window(_ ranked: [TopDocuments.Entry]) -> ArraySlice<TopDocuments.Entry> {
    ranked.prefix(settings.lastRank).dropFirst(settings.firstRank - 1)
  }

  /// The first rule that a score breaks; nil if it may be a negative's.
  ///
  /// - Parameter positive: the best score of the query's positives.
  func broken(by score: Float, positive: Float) -> Rule? {
    let (score, positive) = (Double(score), Double(positive))
    if let least = settings.minScore, score < least { return .minScore }
    if let most = settings.maxScore, score > most { return .maxScore }
    if let margin = settings.margin, score > positive - margin { return .margin }
    if let share = settings.relativeMargin, score > positive - share * abs(positive) { return .relativeMargin }
    return nil
  }

  /// At most `negatives` of the documents that broke no rule, best first.
  ///
  /// - Parameter row: draws are a function of the seed and of it.
  func sample(_ passed: [TopDocuments.Entry], row: Int) -> [TopDocuments.Entry] {
    guard passed.count > settings.negatives, settings.sampling != .top else {
      return Array(passed.prefix(settings.negatives))
    }
    let keys = passed.enumerated().map { key(of: $1, place: $0, row: row) }
    let drawn = passed.indices.sorted { (keys[$0], $0) > (keys[$1], $1) }.prefix(settings.negatives)
    return drawn.sorted().map { passed[$0] }
  }

  /// The largest of random keys are a draw without repetition. With −log(−log u) added to log-weights its odds are those of
  /// the weights (Kool, van Hoof and Welling, "Stochastic beams and where to find them", 2019).
  private func key(of entry: TopDocuments.Entry, place: Int, row: Int) -> Double {
    // In (0, 1): never at its ends, where the logarithm is none.
    let uniform = (Double(random.bits(UInt64(row), UInt64(place)) >> 12) + 0.5) * 0x1p-52
    guard settings.sampling == .score else { return uniform }
    return Double(entry.score) / temperature - log(-log(uniform))
  }
}
