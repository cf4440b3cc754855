import Tensors

/// The loss of one query under one head: cross-entropies of its logits added up, with their slope.
struct RowLoss {
  /// Scores / temperature, one a document.
  let logits: [Double]
  private(set) var value = 0.0
  /// ∂value/∂logits.
  private(set) var slopes: [Double]

  init(_ logits: [Double]) {
    self.logits = logits
    slopes = Array(repeating: 0, count: logits.count)
  }

  /// Adds `Σ_i teacher[i] · −log softmax(logits over columns)[first + i]`.
  ///
  /// - Parameters:
  ///   - teacher: what the documents from column `first` on should get; a constant.
  ///   - columns: the documents that the softmax runs over, those of the teacher among them.
  mutating func addCrossEntropy(_ teacher: [Double], from first: Int, over columns: [Range<Int>]) {
    let largest = columns.joined().reduce(-Double.infinity) { maximumOrNaN($0, logits[$1]) }
    let sum = columns.joined().reduce(0) { $0 + exponential(logits[$1] - largest) }
    let mass = teacher.reduce(0, +)
    for column in columns.joined() { slopes[column] += mass * (exponential(logits[column] - largest) / sum) }
    for (i, share) in teacher.enumerated() {
      value += share * (largest + logarithm(sum) - logits[first + i])
      slopes[first + i] -= share
    }
  }

  /// The same over all documents.
  mutating func addCrossEntropy(_ teacher: [Double], from first: Int) {
    addCrossEntropy(teacher, from: first, over: [0..<logits.count])
  }
}

func softmax(_ logits: [Double]) -> [Double] {
  let largest = logits.reduce(-Double.infinity, maximumOrNaN)
  let exponentials = logits.map { exponential($0 - largest) }
  let sum = exponentials.reduce(0, +)
  return exponentials.map { $0 / sum }
}

/// The larger one; NaN if either is, which `max` may pass over.
private func maximumOrNaN(_ a: Double, _ b: Double) -> Double { a.isNaN || b.isNaN ? .nan : max(a, b) }
