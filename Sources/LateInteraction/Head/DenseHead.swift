package import Tensors

/// Hidden states to one vector a text: the first token's, brought to length 1. It has no parameters.
///
/// - Source: Chen et al., "BGE M3-Embedding", 2024, section 3.2.
package final class DenseHead: @unchecked Sendable {
  private let pool: ThreadPool
  private let arena = Arena()
  private var pass: (vectors: Matrix, lengths: Matrix)?

  package init(on pool: ThreadPool) { self.pool = pool }

  /// The dense vectors of a batch, `[texts × width]`; valid until the next forward.
  package func forward(_ hidden: Matrix, _ batch: TokenBatch) -> Matrix {
    arena.reset()
    let vectors = arena.matrix(rows: batch.textCount, columns: hidden.columns)
    let lengths = arena.matrix(rows: batch.textCount, columns: 1)
    gatherRows(hidden, Array(batch.starts.dropLast()), into: vectors)
    normalizeRows(vectors, lengths: lengths, on: pool)
    pass = (vectors, lengths)
    return vectors
  }

  /// Adds to ∂loss/∂hidden states `[tokens × width]`, given ∂loss/∂dense vectors, which is overwritten.
  package func backward(_ upstream: Matrix, _ batch: TokenBatch, into hidden: Matrix) {
    guard let pass else { preconditionFailure("a backward needs a forward") }
    normalizeRowsBackward(upstream, normalized: pass.vectors, lengths: pass.lengths, on: pool)
    addRows(upstream, to: hidden, at: Array(batch.starts.dropLast()))
  }
}
