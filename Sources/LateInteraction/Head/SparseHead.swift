package import Tensors

/// Hidden states to sparse vectors: a token weighs relu(⟨w, h⟩ + b), an id as much as its heaviest token in the text.
///
/// - Source: Chen et al., "BGE M3-Embedding", 2024, section 3.2; FlagEmbedding `m3/modeling.py sparse_embedding`.
package final class SparseHead: @unchecked Sendable {
  package static let name = "sparse_linear"

  private let linear: Linear
  private let unweighted: Set<Int32>
  private let pool: ThreadPool
  private let arena = Arena()
  private var pass: Pass?

  private struct Pass {
    let hidden: Matrix
    /// The token of each entry.
    let winners: [Int]
  }

  /// - Parameter unweighted: ids that weigh nothing: those of `<s>`, `</s>`, `<pad>` and `<unk>`.
  package init(_ parameters: Parameters, unweighted: Set<Int32>, on pool: ThreadPool) {
    linear = Linear(parameters, Self.name)
    self.unweighted = unweighted
    self.pool = pool
  }

  /// The sparse vectors of a batch; valid until the next forward. Ids that weigh nothing are left out.
  package func forward(_ hidden: Matrix, _ batch: TokenBatch) -> SparseVectors {
    arena.reset()
    let products = arena.matrix(rows: batch.tokenCount, columns: 1)
    pairProducts(hidden, linear.weight, into: products, on: pool)
    let bias = linear.bias![0, 0]
    let weights = products.values.map { $0 + bias }
    var winners: [Int] = []
    var starts = [0]
    for text in 0..<batch.textCount {
      winners += heaviestTokens(batch.starts[text]..<batch.starts[text + 1], batch.ids, weights)
      starts.append(winners.count)
    }
    pass = Pass(hidden: hidden, winners: winners)
    let entries = arena.matrix(rows: winners.count, columns: 1)
    entries.assign(winners.map { weights[$0] })
    return SparseVectors(ids: winners.map { batch.ids[$0] }, weights: TextVectors(rows: entries, starts: starts))
  }

  /// For each id of a text with a weight above zero its heaviest token, the first of equals, in the order of ids.
  private func heaviestTokens(_ tokens: Range<Int>, _ ids: [Int32], _ weights: [Float]) -> [Int] {
    // What is not a number stays and wins, so that it shows in the loss.
    let heavy = tokens.filter { !(weights[$0] <= 0) && !unweighted.contains(ids[$0]) }
    return heavy.sorted { (ids[$0], $0) < (ids[$1], $1) }.reduce(into: []) { winners, token in
      guard let last = winners.last, ids[last] == ids[token] else { return winners.append(token) }
      if weights[token] > weights[last] || weights[token].isNaN { winners[winners.count - 1] = token }
    }
  }

  /// Adds the head's gradients, given ∂loss/∂weights `[entries × 1]`, and to ∂loss/∂hidden states `[tokens × width]`
  /// unless it is nil.
  package func backward(_ upstream: Matrix, into hidden: Matrix?) {
    guard let pass else { preconditionFailure("a backward needs a forward") }
    // An entry's weight is above zero, where relu's slope is 1; other tokens had no part in it.
    let tokens = arena.zeros(rows: pass.hidden.rows, columns: 1)
    addRows(upstream, to: tokens, at: pass.winners)
    linear.backward(tokens, input: pass.hidden, into: hidden, accumulating: true, on: pool)
  }
}
