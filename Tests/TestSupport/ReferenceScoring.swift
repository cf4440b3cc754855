// Naive twins of MaxSim and of the contrastive loss.
import Foundation

/// Vectors of several texts end to end, in double: text `i` is rows `starts[i] ..< starts[i + 1]`.
package struct NaiveTexts {
  package var rows: [Double]
  package let starts: [Int]
  package let dimension: Int

  package init(_ rows: [Float], starts: [Int], dimension: Int) {
    self.init(rows.map(Double.init), starts: starts, dimension: dimension)
  }

  package init(_ rows: [Double], starts: [Int], dimension: Int) {
    self.rows = rows
    self.starts = starts
    self.dimension = dimension
  }

  package var count: Int { starts.count - 1 }

  package func tokens(_ text: Int) -> Range<Int> { starts[text]..<starts[text + 1] }
}

/// ⟨query token, document token⟩.
package func naiveSimilarity(_ queries: NaiveTexts, _ query: Int, _ documents: NaiveTexts, _ document: Int) -> Double {
  var sum = 0.0
  let (q, d) = (query * queries.dimension, document * queries.dimension)
  for i in 0..<queries.dimension { sum += queries.rows[q + i] * documents.rows[d + i] }
  return sum
}

/// The best match of every query token in every document, `[query tokens × documents]`: the first token that has it.
package func naiveMaxima(_ queries: NaiveTexts, _ documents: NaiveTexts) -> [(value: Double, token: Int)] {
  (0..<queries.starts.last!).flatMap { row in
    (0..<documents.count).map { document in
      var best = (value: -Double.infinity, token: 0)
      for token in documents.tokens(document) {
        let similarity = naiveSimilarity(queries, row, documents, token)
        if similarity > best.value { best = (similarity, token - documents.starts[document]) }
      }
      return best
    }
  }
}

/// `[queries × documents]`: the sum of the maxima, or their mean.
package func naiveScores(
  _ maxima: [(value: Double, token: Int)], _ queries: NaiveTexts, documentCount: Int, mean: Bool
) -> [Double] {
  (0..<queries.count).flatMap { query in
    (0..<documentCount).map { document in
      let sum = queries.tokens(query).map { maxima[$0 * documentCount + document].value }.reduce(0, +)
      return mean ? sum / Double(max(1, queries.tokens(query).count)) : sum
    }
  }
}

/// Σ −log softmax(score / temperature)[target] / `globalQueryCount` over `[queries × documents]`.
package func naiveContrastiveLoss(
  _ scores: [Double], targets: [Int], temperature: Double, globalQueryCount: Int
) -> Double {
  let width = scores.count / targets.count
  return targets.enumerated().map { query, target in
    let logits = scores[query * width..<(query + 1) * width].map { $0 / temperature }
    let largest = logits.max()!
    return largest + log(logits.map { exp($0 - largest) }.reduce(0, +)) - logits[target]
  }.reduce(0, +) / Double(globalQueryCount)
}
