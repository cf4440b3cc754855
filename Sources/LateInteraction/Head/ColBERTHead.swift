package import Tensors

/// The projection's tensors: their names, widths and whether it has a bias.
package struct HeadShape: Sendable, Equatable {
  /// `linear` in Stanford's and PyLate's models, `colbert_linear` in BGE-M3's.
  package var name: String
  package var width: Int
  package var dimension: Int
  package var hasBias: Bool

  package init(name: String, width: Int, dimension: Int, hasBias: Bool) {
    self.name = name
    self.width = width
    self.dimension = dimension
    self.hasBias = hasBias
  }

  var tensors: [(name: String, shape: [Int], part: ParameterPart)] {
    [("\(name).weight", [dimension, width], .head)] + (hasBias ? [("\(name).bias", [dimension], .head)] : [])
  }
}

/// Hidden states to vectors: `normalise(W h + b)` for the tokens that count.
///
/// - Source: Khattab & Zaharia, "ColBERT", SIGIR 2020, section 3.2.
package final class ColBERTHead: @unchecked Sendable {
  package let shape: HeadShape
  private let linear: Linear
  private let pool: ThreadPool
  private let arena = Arena()
  private var pass: Pass?

  private struct Pass {
    let hidden: Matrix
    let vectors: Matrix
    let lengths: Matrix
  }

  package init(_ shape: HeadShape, _ parameters: Parameters, on pool: ThreadPool) {
    self.shape = shape
    self.pool = pool
    linear = Linear(parameters, shape.name, hasBias: shape.hasBias)
  }

  /// The vectors of a batch, `[vectors × dimension]`, rows of unit length; valid until the next forward.
  package func forward(_ hidden: Matrix, _ batch: TokenBatch) -> Matrix {
    arena.reset()
    let counted = arena.matrix(rows: batch.vectorCount, columns: shape.width)
    let vectors = arena.matrix(rows: batch.vectorCount, columns: shape.dimension)
    let lengths = arena.matrix(rows: batch.vectorCount, columns: 1)
    gatherRows(hidden, batch.vectorTokens, into: counted)
    linear.forward(counted, into: vectors, on: pool)
    normalizeRows(vectors, lengths: lengths, on: pool)
    pass = Pass(hidden: counted, vectors: vectors, lengths: lengths)
    return vectors
  }

  /// Adds the head's gradients, given ∂loss/∂vectors, which is overwritten.
  ///
  /// - Returns: ∂loss/∂hidden states `[tokens × width]`, or nil when `wantsHidden` is false.
  package func backward(_ upstream: Matrix, _ batch: TokenBatch, wantsHidden: Bool) -> Matrix? {
    guard let pass else { preconditionFailure("a backward needs a forward") }
    normalizeRowsBackward(upstream, normalized: pass.vectors, lengths: pass.lengths, on: pool)
    let counted = wantsHidden ? arena.matrix(rows: batch.vectorCount, columns: shape.width) : nil
    linear.backward(upstream, input: pass.hidden, into: counted, on: pool)
    guard let counted else { return nil }
    let hidden = arena.matrix(rows: batch.tokenCount, columns: shape.width)
    scatterRows(counted, batch.vectorTokens, into: hidden)
    return hidden
  }
}
