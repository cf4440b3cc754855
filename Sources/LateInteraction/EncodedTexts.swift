package import Tensors

/// Which of a model's heads are wanted.
package enum Heads: Sendable {
  case colbert
  /// Dense, sparse and ColBERT, as BGE-M3 has them.
  case all
}

/// What a model's heads make of several texts, or the gradient of that: it has the same shape.
package struct EncodedTexts {
  package let vectors: TextVectors
  /// `[texts × width]`, of length 1; nil when only the ColBERT head was wanted, as `sparse` is.
  package let dense: Matrix?
  package let sparse: SparseVectors?

  package init(vectors: TextVectors, dense: Matrix? = nil, sparse: SparseVectors? = nil) {
    self.vectors = vectors
    self.dense = dense
    self.sparse = sparse
  }

  package var count: Int { vectors.count }

  /// These texts alone, in the same memory.
  package func texts(_ range: Range<Int>) -> EncodedTexts {
    EncodedTexts(
      vectors: vectors.texts(range), dense: dense?.rows(range),
      sparse: sparse.map {
        let entries = $0.weights.starts[range.lowerBound]..<$0.weights.starts[range.upperBound]
        return SparseVectors(ids: Array($0.ids[entries]), weights: $0.weights.texts(range))
      })
  }

  /// Zeros of the same shape: room for the gradient.
  package func zeros(in arena: Arena) -> EncodedTexts {
    func zeros(_ matrix: Matrix) -> Matrix { arena.zeros(rows: matrix.rows, columns: matrix.columns) }
    return with(
      vectors: zeros(vectors.rows), dense: dense.map(zeros), weights: (sparse?.weights.rows).map(zeros))
  }

  /// Takes the numbers of texts of the same shape.
  package func assign(_ other: EncodedTexts) {
    copy(other.vectors.rows, to: vectors.rows)
    if let dense { copy(other.dense!, to: dense) }
    if let sparse { copy(other.sparse!.weights.rows, to: sparse.weights.rows) }
  }

  /// Other numbers for the same texts and ids.
  package func with(vectors rows: Matrix, dense: Matrix?, weights: Matrix?) -> EncodedTexts {
    EncodedTexts(
      vectors: TextVectors(rows: rows, starts: vectors.starts), dense: dense,
      sparse: sparse.map {
        SparseVectors(ids: $0.ids, weights: TextVectors(rows: weights!, starts: $0.weights.starts))
      })
  }
}

extension TextVectors {
  /// These texts alone, in the same memory.
  package func texts(_ range: Range<Int>) -> TextVectors {
    let first = starts[range.lowerBound]
    return TextVectors(
      rows: rows.rows(first..<starts[range.upperBound]),
      starts: starts[range.lowerBound...range.upperBound].map { $0 - first })
  }
}

/// Texts laid end to end, in new memory.
package func concatenated(_ first: EncodedTexts, _ second: EncodedTexts, in arena: Arena) -> EncodedTexts {
  func joined(_ a: Matrix, _ b: Matrix) -> Matrix {
    let both = arena.matrix(rows: a.rows + b.rows, columns: a.columns)
    copy(a, to: both.rows(0..<a.rows))
    copy(b, to: both.rows(a.rows..<both.rows))
    return both
  }
  func joined(_ a: TextVectors, _ b: TextVectors) -> TextVectors {
    TextVectors(rows: joined(a.rows, b.rows), starts: a.starts + b.starts.dropFirst().map { $0 + a.rows.rows })
  }
  return EncodedTexts(
    vectors: joined(first.vectors, second.vectors), dense: first.dense.map { joined($0, second.dense!) },
    sparse: first.sparse.map {
      SparseVectors(ids: $0.ids + second.sparse!.ids, weights: joined($0.weights, second.sparse!.weights))
    })
}
