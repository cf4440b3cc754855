package import Tensors

/// The first components of texts' vectors, divided by their length: what a search with fewer components would hold.
///
/// A vector of length 1 and the one that it was before it was normalised have the same first components then, so
/// what other ranks sent is enough.
/// - Source: Kusupati et al., "Matryoshka Representation Learning", NeurIPS 2022, section 3; Sentence Transformers'
///   `MatryoshkaLoss`, `shrink`.
package struct NarrowedVectors {
  package let vectors: TextVectors
  /// Of the first components of each, before: `[vectors × 1]`.
  private let lengths: Matrix

  /// - Parameters:
  ///   - texts: `[vectors × dimension]`.
  ///   - dimension: how many components are kept.
  ///   - arena: room for `[vectors × (dimension + 1)]`.
  package init(_ texts: TextVectors, dimension: Int, in arena: Arena, on pool: ThreadPool) {
    let rows = arena.matrix(rows: texts.rows.rows, columns: dimension)
    lengths = arena.matrix(rows: rows.rows, columns: 1)
    copyFirstColumns(texts.rows, into: rows)
    normalizeRows(rows, lengths: lengths, on: pool)
    vectors = TextVectors(rows: rows, starts: texts.starts)
  }

  /// Adds to `gradient`, `[vectors × whole dimension]`, what `upstream`, `[vectors × dimension]`, pulls back to; overwrites
  /// `upstream`.
  func backward(_ upstream: Matrix, into gradient: Matrix, on pool: ThreadPool) {
    normalizeRowsBackward(upstream, normalized: vectors.rows, lengths: lengths, on: pool)
    addFirstColumns(upstream, to: gradient)
  }
}

/// The narrower dimensions that scores are wanted of, beside those of the whole vectors.
package struct NarrowScoring {
  package let dimensions: [Int]
  /// Room for the vectors of one dimension, and their gradients, at a time.
  private let arena: Arena

  package init(_ dimensions: [Int] = [], in arena: Arena = Arena()) {
    self.dimensions = dimensions
    self.arena = arena
  }

  /// Scores of every dimension, in their order.
  func scores(
    _ queries: TextVectors, _ documents: TextVectors, reduction: ScoreReduction, on pool: ThreadPool
  ) -> [NarrowScores] {
    dimensions.map { dimension in
      let narrowed = narrowed(queries, documents, dimension, pool)
      let result = maxSim(
        narrowed.queries.vectors, narrowed.documents.vectors, reduction: reduction, keepsWinners: true, on: pool)
      return NarrowScores(dimension: dimension, result: result)
    }
  }

  /// Adds to both gradients, of the whole vectors, what ∂loss/∂scores pulls back to; it stands in the scores' place and is
  /// overwritten.
  func backward(
    _ upstream: NarrowScores, _ queries: TextVectors, _ documents: TextVectors, reduction: ScoreReduction,
    into queryGradient: Matrix, _ documentGradient: Matrix, on pool: ThreadPool
  ) {
    // Made again, not kept: documents may come in blocks, and one dimension is as large as what it is a part of.
    let narrowed = narrowed(queries, documents, upstream.dimension, pool)
    func zeros(_ texts: NarrowedVectors) -> Matrix {
      arena.zeros(rows: texts.vectors.rows.rows, columns: upstream.dimension)
    }
    let (ofQueries, ofDocuments) = (zeros(narrowed.queries), zeros(narrowed.documents))
    maxSimBackward(
      upstream.result.scores, narrowed.queries.vectors, narrowed.documents.vectors, reduction: reduction,
      winners: upstream.result.winners!, into: ofQueries, ofDocuments, on: pool)
    narrowed.queries.backward(ofQueries, into: queryGradient, on: pool)
    narrowed.documents.backward(ofDocuments, into: documentGradient, on: pool)
  }

  private func narrowed(
    _ queries: TextVectors, _ documents: TextVectors, _ dimension: Int, _ pool: ThreadPool
  ) -> (queries: NarrowedVectors, documents: NarrowedVectors) {
    arena.reset()
    func narrowed(_ texts: TextVectors) -> NarrowedVectors {
      NarrowedVectors(texts, dimension: dimension, in: arena, on: pool)
    }
    return (narrowed(queries), narrowed(documents))
  }
}

/// Scores by the first components alone, and the winners that their backward pass needs.
final class NarrowScores {
  let dimension: Int
  let result: MaxSimResult

  init(dimension: Int, result: consuming MaxSimResult) {
    self.dimension = dimension
    self.result = result
  }
}

extension EncodedTexts {
  /// The same with the first components of the ColBERT vectors alone.
  package func narrowed(to dimension: Int, in arena: Arena, on pool: ThreadPool) -> EncodedTexts {
    EncodedTexts(
      vectors: NarrowedVectors(vectors, dimension: dimension, in: arena, on: pool).vectors, dense: dense, sparse: sparse
    )
  }
}
