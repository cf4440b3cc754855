package import Tensors

/// What each head makes of the same queries and documents, or ∂loss/∂ that: `[queries × documents]`, without temperature.
package struct ScoreMatrices {
  package let colbert: Matrix
  /// nil when only the ColBERT head was wanted, as `sparse` is.
  package let dense: Matrix?
  package let sparse: Matrix?
  /// The ColBERT head's by the first components of its vectors alone, one for each narrower dimension that was wanted.
  package let narrower: [Matrix]

  package init(colbert: Matrix, dense: Matrix? = nil, sparse: Matrix? = nil, narrower: [Matrix] = []) {
    self.colbert = colbert
    self.dense = dense
    self.sparse = sparse
    self.narrower = narrower
  }

  /// Zeros for each of `heads`, and for so many narrower dimensions.
  package init(zeros heads: Heads, narrowerCount: Int, queries: Int, documents: Int, in arena: Arena) {
    func zeros() -> Matrix { arena.zeros(rows: queries, columns: documents) }
    self.init(
      colbert: zeros(), dense: heads == .all ? zeros() : nil, sparse: heads == .all ? zeros() : nil,
      narrower: (0..<narrowerCount).map { _ in zeros() })
  }

  /// Those that there are, always in the same order.
  package var all: [Matrix] { [colbert, dense, sparse].compactMap { $0 } + narrower }
}

/// Scores of every head, and the winners that the backward pass needs.
package struct HeadScores: ~Copyable {
  package let colbert: MaxSimResult
  fileprivate let narrower: [NarrowScores]
  package let matrices: ScoreMatrices
}

/// Scores every query against every document with each head that both were encoded with.
///
/// - Parameters:
///   - narrow: which scores by fewer components are wanted too.
///   - arena: room for the dense and sparse scores.
package func score(
  _ queries: EncodedTexts, _ documents: EncodedTexts, _ narrow: NarrowScoring = NarrowScoring(),
  reduction: ScoreReduction, in arena: Arena, on pool: ThreadPool
) -> HeadScores {
  func room() -> Matrix { arena.matrix(rows: queries.count, columns: documents.count) }
  let colbert = maxSim(queries.vectors, documents.vectors, reduction: reduction, keepsWinners: true, on: pool)
  let dense = queries.dense.map { _ in room() }
  if let dense { pairProducts(queries.dense!, documents.dense!, into: dense, on: pool) }
  let sparse = queries.sparse.map { _ in room() }
  if let sparse { sparseScores(queries.sparse!, documents.sparse!, into: sparse, on: pool) }
  let narrower = narrow.scores(queries.vectors, documents.vectors, reduction: reduction, on: pool)
  let matrices = ScoreMatrices(
    colbert: colbert.scores, dense: dense, sparse: sparse, narrower: narrower.map { $0.result.scores })
  return HeadScores(colbert: colbert, narrower: narrower, matrices: matrices)
}

/// Pulls ∂loss/∂scores, which stand in the scores' place and are overwritten, back to what the heads gave; adds to both
/// gradients.
package func scoreBackward(
  _ upstream: borrowing HeadScores, _ queries: EncodedTexts, _ documents: EncodedTexts,
  _ narrow: NarrowScoring = NarrowScoring(), reduction: ScoreReduction,
  into queryGradient: EncodedTexts, _ documentGradient: EncodedTexts, on pool: ThreadPool
) {
  if let sparse = upstream.matrices.sparse {
    sparseScoresBackward(
      sparse, queries.sparse!, documents.sparse!, into: queryGradient.sparse!.weights.rows,
      documentGradient.sparse!.weights.rows)
  }
  if let dense = upstream.matrices.dense {
    multiply(dense, documents.dense!, into: queryGradient.dense!, accumulating: true, on: pool)
    accumulateProduct(transposed: dense, queries.dense!, into: documentGradient.dense!, on: pool)
  }
  maxSimBackward(
    upstream.matrices.colbert, queries.vectors, documents.vectors, reduction: reduction,
    winners: upstream.colbert.winners!, into: queryGradient.vectors.rows, documentGradient.vectors.rows, on: pool)
  for scores in upstream.narrower {
    narrow.backward(
      scores, queries.vectors, documents.vectors, reduction: reduction, into: queryGradient.vectors.rows,
      documentGradient.vectors.rows, on: pool)
  }
}
