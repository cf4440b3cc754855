/// Over which dimensions of the token vectors the ColBERT loss is summed: `Σ_m weight_m · loss of the first m components`.
///
/// - Source: Kusupati et al., "Matryoshka Representation Learning", NeurIPS 2022, equation 1; Sentence Transformers'
///   `MatryoshkaLoss`.
package struct Matryoshka: Sendable, Equatable {
  /// Of the whole vectors' loss; 0 if they are not among the dimensions.
  package let wholeWeight: Double
  /// Dimensions below the whole one, with the weights of their losses.
  package let narrower: [Term]

  package struct Term: Sendable, Equatable {
    package let dimension: Int
    package let weight: Double
  }

  /// The whole vectors' loss alone.
  package static let none = Matryoshka(dimensions: [1], weights: [1], width: 1)

  /// - Parameters:
  ///   - dimensions: distinct, from 1 to `width`.
  ///   - weights: one for each.
  ///   - width: the dimension of the whole vectors.
  package init(dimensions: [Int], weights: [Double], width: Int) {
    precondition(
      dimensions.count == weights.count && dimensions.allSatisfy((1...width).contains),
      "dimensions \(dimensions) with weights \(weights) of vectors of \(width)")
    let terms = zip(dimensions, weights).map { Term(dimension: $0, weight: $1) }
    wholeWeight = terms.first { $0.dimension == width }?.weight ?? 0
    narrower = terms.filter { $0.dimension < width }
  }
}

/// One query's ColBERT loss over all dimensions.
struct MatryoshkaLoss {
  let value: Double
  /// ∂value/∂logits of the whole vectors.
  let slopes: [Double]
  /// ∂value/∂logits of each narrower dimension.
  let narrowerSlopes: [[Double]]

  /// - Parameters:
  ///   - whole: the loss of the whole vectors' logits.
  ///   - narrower: that of each narrower dimension.
  init(_ whole: RowLoss, _ narrower: [RowLoss], _ matryoshka: Matryoshka) {
    let weights = matryoshka.narrower.map(\.weight)
    value = zip(weights, narrower).reduce(matryoshka.wholeWeight * whole.value) { $0 + $1.0 * $1.1.value }
    slopes = whole.slopes.map { matryoshka.wholeWeight * $0 }
    narrowerSlopes = zip(weights, narrower).map { weight, loss in loss.slopes.map { weight * $0 } }
  }
}
