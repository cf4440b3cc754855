/// A number for each term of BGE-M3's unified objective: its weight, or its loss.
package struct UnifiedTerms: Sendable, Equatable {
  package var dense: Double
  package var sparse: Double
  package var colbert: Double
  package var ensemble: Double

  package init(dense: Double, sparse: Double, colbert: Double, ensemble: Double) {
    self.dense = dense
    self.sparse = sparse
    self.colbert = colbert
    self.ensemble = ensemble
  }

  func times(_ factor: Double) -> UnifiedTerms {
    UnifiedTerms(
      dense: dense * factor, sparse: sparse * factor, colbert: colbert * factor, ensemble: ensemble * factor)
  }
}

/// One query's unified loss: `L = (w_d L_dense + w_s L_sparse + w_c L_colbert + w_e L_ensemble) / 4`, where the ensemble's
/// logits are `dense + 0.3 sparse + colbert`.
///
/// `L_colbert` is summed over the dimensions of a Matryoshka loss; ensemble and self-distillation know the whole vectors'
/// score alone.
///
/// With self-distillation `(L + (D_dense + 0.1 D_sparse + D_colbert) / 3) / 2`, where D is a head's cross-entropy over all
/// documents with the ensemble's softmax, held constant, as target. The divisors are the same whatever the weights, so
/// that the weights 1, 0.1, 1, 1 give FlagEmbedding's loss.
///
/// - Source: Chen et al., "BGE M3-Embedding", 2024, equations 4 to 7; FlagEmbedding `m3/modeling.py forward`.
struct UnifiedLoss {
  private(set) var value: Double
  /// Before their weights.
  let terms: UnifiedTerms
  /// ∂value/∂logits of the dense, sparse and ColBERT heads, then of the ColBERT head's narrower dimensions.
  private(set) var slopes: [[Double]]

  /// The dense, sparse and ColBERT heads' share in the ensemble.
  private static let ensembleShares = [1, 0.3, 1]
  /// Their share in self-distillation.
  private static let selfDistillationShares = [1, 0.1, 1]

  /// - Parameters:
  ///   - logits: of the dense, sparse and ColBERT heads, one a document.
  ///   - narrower: of the ColBERT head's narrower dimensions.
  ///   - unmasked: the documents that a softmax may run over.
  ///   - headLoss: the loss of logits, whichever head they are of.
  init(
    _ logits: [[Double]], narrower: [[Double]], _ matryoshka: Matryoshka, over unmasked: [Range<Int>],
    weights: UnifiedTerms, distillsItself: Bool,
    headLoss: ([Double]) -> RowLoss
  ) {
    let columns = logits[0].indices
    let ensembleLogits = columns.map { column in
      zip(Self.ensembleShares, logits).reduce(0) { $0 + $1.0 * $1.1[column] }
    }
    let heads = logits.map(headLoss)
    let ensemble = headLoss(ensembleLogits)
    let colbert = MatryoshkaLoss(heads[2], narrower.map(headLoss), matryoshka)
    terms = UnifiedTerms(
      dense: heads[0].value, sparse: heads[1].value, colbert: colbert.value, ensemble: ensemble.value)
    value =
      (weights.dense * terms.dense + weights.sparse * terms.sparse + weights.colbert * terms.colbert
        + weights.ensemble * terms.ensemble) / 4
    let headSlopes = [heads[0].slopes, heads[1].slopes, colbert.slopes]
    slopes = [weights.dense, weights.sparse, weights.colbert].enumerated().map { head, weight in
      let ensembleWeight = weights.ensemble * Self.ensembleShares[head]
      return columns.map { (weight * headSlopes[head][$0] + ensembleWeight * ensemble.slopes[$0]) / 4 }
    }
    slopes += colbert.narrowerSlopes.map { slopes in slopes.map { weights.colbert * $0 / 4 } }
    if distillsItself { addSelfDistillation(logits, over: unmasked, teacher: softmax(ensembleLogits, over: unmasked)) }
  }

  private mutating func addSelfDistillation(_ logits: [[Double]], over unmasked: [Range<Int>], teacher: [Double]) {
    let heads = logits.map {
      var loss = RowLoss($0)
      loss.addCrossEntropy(teacher, from: 0, over: unmasked)
      return loss
    }
    let sum = zip(Self.selfDistillationShares, heads).reduce(0) { $0 + $1.0 * $1.1.value }
    value = (value + sum / 3) / 2
    for (head, share) in Self.selfDistillationShares.enumerated() {
      for column in slopes[head].indices {
        slopes[head][column] = (slopes[head][column] + share * heads[head].slopes[column] / 3) / 2
      }
    }
    for head in logits.count..<slopes.count { slopes[head] = slopes[head].map { $0 / 2 } }
  }
}
