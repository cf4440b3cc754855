package import Tensors

/// Sparse vectors of several texts: for each its ids, ascending, and what they weigh. No row is as long as the vocabulary.
package struct SparseVectors {
  /// Of all texts end to end, as the weights.
  package let ids: [Int32]
  /// `[entries × 1]`, all above zero.
  package let weights: TextVectors

  package init(ids: [Int32], weights: TextVectors) {
    precondition(ids.count == weights.rows.rows, "\(ids.count) ids with \(weights.rows.rows) weights")
    self.ids = ids
    self.weights = weights
  }

  package var count: Int { weights.count }
}

/// `scores[q, d] = Σ over ids that both have of weight · weight`: `[queries × documents]`.
///
/// Each score is summed by itself, in the order of ids and in double: its bits depend on nothing but its two texts.
package func sparseScores(
  _ queries: SparseVectors, _ documents: SparseVectors, into scores: Matrix, on pool: ThreadPool
) {
  precondition(
    scores.rows == queries.count && scores.columns == documents.count,
    "scores of \(queries.count) queries and \(documents.count) documents into [\(scores.rows) × \(scores.columns)]")
  let (queryWeights, documentWeights) = (queries.weights.rows.values, documents.weights.rows.values)
  pool.forEachBlock(queries.count) { query in
    scores.rows(query..<query + 1).assign(
      (0..<documents.count).map { document in
        var sum = 0.0
        forEachSharedID(queries, query, documents, document) {
          sum += Double(queryWeights[$0]) * Double(documentWeights[$1])
        }
        return Float(sum)
      })
  }
}

/// Pulls ∂loss/∂scores `[queries × documents]` back to the weights; adds to both gradients, `[entries × 1]`.
package func sparseScoresBackward(
  _ upstream: Matrix, _ queries: SparseVectors, _ documents: SparseVectors, into queryGradient: Matrix,
  _ documentGradient: Matrix
) {
  let (queryWeights, documentWeights) = (queries.weights.rows.values, documents.weights.rows.values)
  var byQueries = queryGradient.values.map(Double.init)
  var byDocuments = documentGradient.values.map(Double.init)
  for query in 0..<queries.count {
    for (document, slope) in upstream.rows(query..<query + 1).values.enumerated() {
      forEachSharedID(queries, query, documents, document) {
        byQueries[$0] += Double(slope) * Double(documentWeights[$1])
        byDocuments[$1] += Double(slope) * Double(queryWeights[$0])
      }
    }
  }
  queryGradient.assign(byQueries.map(Float.init))
  documentGradient.assign(byDocuments.map(Float.init))
}

/// Walks two ascending lists of ids at once and calls `body` with the entries of every id that both have.
@inline(__always)
private func forEachSharedID(
  _ queries: SparseVectors, _ query: Int, _ documents: SparseVectors, _ document: Int, _ body: (Int, Int) -> Void
) {
  var (i, j) = (queries.weights.starts[query], documents.weights.starts[document])
  let (iEnd, jEnd) = (queries.weights.starts[query + 1], documents.weights.starts[document + 1])
  while i < iEnd, j < jEnd {
    let (a, b) = (queries.ids[i], documents.ids[j])
    if a == b { body(i, j) }
    if a <= b { i += 1 }
    if b <= a { j += 1 }
  }
}
