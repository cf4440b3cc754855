import Foundation

/// What the corpus came to before anything was scored.
struct MinedCorpus {
  /// Different texts, records that repeat one, and records without a character.
  let documents: Int
  let repetitions: Int
  let blanks: Int

  var records: Int { documents + repetitions + blanks }
}

/// How many scores of positives and of negatives a bin holds, and where it begins.
struct ScoreBin: Codable, Equatable {
  let from: Float
  let positives: Int
  let negatives: Int
}

/// What `mine` reports: for people, and as one JSON object.
package struct MiningSummary {
  package let text: String
  package let json: String

  init(_ report: MiningReport, _ settings: Configuration.Mining, _ corpus: MinedCorpus) throws {
    text = report.text(settings, corpus)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    json = String(decoding: try encoder.encode(Figures(report, corpus)), as: UTF8.self)
  }

  /// The members of the JSON object.
  private struct Figures: Encodable {
    let queries, negatives, queries_with_fewer, queries_without: Int
    let corpus_records, corpus_repetitions, corpus_empty: Int
    let scored, no_tokens, outside_ranks, in_ranks: Int
    let known_positives, min_score, max_score, margin, relative_margin: Int
    let scores: [ScoreBin]

    init(_ report: MiningReport, _ corpus: MinedCorpus) {
      func broken(_ rule: MiningRules.Rule) -> Int { report.broken[rule] ?? 0 }
      (queries, negatives) = (report.queries, report.negatives)
      (queries_with_fewer, queries_without) = (report.short, report.without)
      corpus_records = corpus.records
      (corpus_repetitions, corpus_empty) = (corpus.repetitions, corpus.blanks)
      (scored, no_tokens) = (report.scored, report.empty)
      (outside_ranks, in_ranks) = (report.outside, report.considered)
      known_positives = broken(.positive)
      (min_score, max_score) = (broken(.minScore), broken(.maxScore))
      (margin, relative_margin) = (broken(.margin), broken(.relativeMargin))
      scores = ScoreHistogram.bins(positives: report.positiveScores, negatives: report.negativeScores)
    }
  }
}
