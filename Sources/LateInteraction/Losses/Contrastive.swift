package import Tensors

/// The contrastive losses (InfoNCE) of several queries over all documents of the global batch.
///
/// `scores` is overwritten with ∂loss/∂score. Both are divided once by `globalQueryCount`, so
/// that parts of a batch add up to the whole.
/// - Parameters:
///   - scores: `[queries × documents]`.
///   - targets: the column of each query's positive.
/// - Returns: for every query −log softmax(score / temperature)[target] / `globalQueryCount`.
/// - Source: van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018, equation 4;
///   FlagEmbedding `AbsModeling.py compute_loss`, PyLate `losses/contrastive.py`.
package func contrastiveLosses(
  _ scores: Matrix, targets: [Int], temperature: Float, globalQueryCount: Int
) -> [Double] {
  precondition(targets.count == scores.rows, "\(targets.count) targets for \(scores.rows) queries")
  return targets.enumerated().map { query, target in
    let row = scores.rows(query..<query + 1)
    let logits = row.values.map { Double($0) / Double(temperature) }
    let largest = logits.max() ?? 0
    let exponentials = logits.map { exponential($0 - largest) }
    let sum = exponentials.reduce(0, +)
    let scale = 1 / (Double(temperature) * Double(globalQueryCount))
    row.assign(exponentials.enumerated().map { Float(($1 / sum - ($0 == target ? 1 : 0)) * scale) })
    return (largest + logarithm(sum) - logits[target]) / Double(globalQueryCount)
  }
}
