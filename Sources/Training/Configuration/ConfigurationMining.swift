extension Configuration {
  /// `mining`: which documents `colbert mine` takes as negatives.
  package struct Mining: Codable, Equatable, Sendable {
    /// `corpus`: a file of `{"text": …}` lines, or a folder with a `corpus.jsonl` as BEIR's have; `nil`: all documents of
    /// `data.train`.
    package var corpus: String?
    /// `negatives`: the most that a query gets.
    package var negatives = 8
    /// `first_rank`: of the documents that may be taken, counted from 1 without known positives.
    package var firstRank = 1
    /// `last_rank`: likewise.
    package var lastRank = 100
    /// `sampling`: which of those that pass.
    package var sampling = Sampling.top
    /// `temperature`: of `sampling: score`; `nil`: that of the loss.
    package var temperature: Double?
    /// `min_score`: no negative scores less.
    package var minScore: Double?
    /// `max_score`: no negative scores more.
    package var maxScore: Double?
    /// `margin`: how much less than the query's best positive a negative scores at least.
    package var margin: Double?
    /// `relative_margin`: the same, as a share of that positive's score.
    package var relativeMargin: Double?

    package enum Sampling: String, Codable, ConfigurationChoice {
      /// The first.
      case top
      /// Drawn, each as likely.
      case uniform
      /// Drawn, as likely as the softmax of the scores over `temperature`.
      case score
    }
  }
}

extension Configuration.Mining {
  mutating func visit(_ visitor: inout some ConfigurationVisitor) {
    visitor.value("corpus", &corpus, .null(or: .corpus))
    visitor.value("negatives", &negatives, .atLeast(1))
    visitor.value("first_rank", &firstRank, .atLeast(1))
    visitor.value("last_rank", &lastRank, .atLeast(1))
    visitor.value("sampling", &sampling)
    visitor.value("temperature", &temperature, .null(or: .above(0)))
    visitor.value("min_score", &minScore)
    visitor.value("max_score", &maxScore)
    visitor.value("margin", &margin, .null(or: .atLeast(0)))
    visitor.value("relative_margin", &relativeMargin, .null(or: .atLeast(0)))
  }

  /// Keys that are good by themselves and make no sense together: the key to change, and the message.
  var contradictions: [(key: String, message: String)] {
    var found: [(key: String, message: String)] = []
    if lastRank - firstRank + 1 < negatives {
      found.append(
        (
          "mining.last_rank",
          "ranks \(firstRank) to \(lastRank) hold fewer documents than the \(negatives) of mining.negatives; give a wider window"
        ))
    }
    if let minScore, let maxScore, minScore > maxScore {
      found.append(("mining.min_score", "no score is above \(minScore) and below mining.max_score: \(maxScore)"))
    }
    if temperature != nil, sampling != .score {
      found.append(("mining.temperature", "only sampling by score has one; set mining.sampling: score or leave it out"))
    }
    return found
  }
}
