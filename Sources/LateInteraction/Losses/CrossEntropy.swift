import Tensors

/// The loss of one query under one head: terms of its logits added up, with their slope.
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
  ///   - teacher: what the documents from column `first` on should get; a constant, 0 where the softmax does not run.
  ///   - columns: the documents that the softmax runs over, those of the teacher among them.
  mutating func addCrossEntropy(_ teacher: [Double], from first: Int, over columns: [Range<Int>]) {
    let largest = columns.joined().reduce(-Double.infinity) { maximumOrNaN($0, logits[$1]) }
    let sum = columns.joined().reduce(0) { $0 + exponential(logits[$1] - largest) }
    let mass = teacher.reduce(0, +)
    for column in columns.joined() { slopes[column] += mass * (exponential(logits[column] - largest) / sum) }
    for (i, share) in teacher.enumerated() where share != 0 {
      value += share * (largest + logarithm(sum) - logits[first + i])
      slopes[first + i] -= share
    }
  }

  /// Adds the weighted mean over the negatives of `((x₀ − xᵢ) − (teacher₀ − teacherᵢ))²`, x the logits from column `first`
  /// on; nothing where there is no negative.
  ///
  /// - Parameters:
  ///   - teacher: its scores, the positive's first.
  ///   - columns: the positive's and those of the negatives that count.
  mutating func addMarginErrors(_ teacher: [Double], from first: Int, over columns: [Range<Int>], weight: Double) {
    let negatives = columns.joined().filter { $0 != first }
    for column in negatives {
      let error = (logits[first] - logits[column]) - (teacher[0] - teacher[column - first])
      value += weight / Double(negatives.count) * error * error
      let slope = 2 * weight / Double(negatives.count) * error
      slopes[first] += slope
      slopes[column] -= slope
    }
  }
}

/// The softmax of the logits of some columns; the others have 0.
func softmax(_ logits: [Double], over columns: [Range<Int>]) -> [Double] {
  let largest = columns.joined().reduce(-Double.infinity) { maximumOrNaN($0, logits[$1]) }
  var shares = Array(repeating: 0.0, count: logits.count)
  for column in columns.joined() { shares[column] = exponential(logits[column] - largest) }
  let sum = columns.joined().reduce(0) { $0 + shares[$1] }
  return shares.map { $0 / sum }
}

extension Range<Int> {
  func shifted(by offset: Int) -> Range<Int> { lowerBound + offset..<upperBound + offset }
}

/// The larger one; NaN if either is, which `max` may pass over.
private func maximumOrNaN(_ a: Double, _ b: Double) -> Double { a.isNaN || b.isNaN ? .nan : max(a, b) }
