// Naive twins of the row-wise kernels and of attention.
import Foundation

/// `x Φ(x)`, without the cancellation that 1 + erf has far left of zero.
package func naiveGelu(_ x: Double) -> Double { 0.5 * x * erfc(-x / 2.0.squareRoot()) }

/// One row's layer norm before gain and bias.
package func naiveLayerNorm(_ row: [Double], epsilon: Double) -> [Double] {
  let mean = row.reduce(0, +) / Double(row.count)
  let variance = row.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(row.count)
  return row.map { ($0 - mean) / (variance + epsilon).squareRoot() }
}

/// A row divided by its length, at least 1e-12.
package func naiveNormalized(_ row: [Double]) -> [Double] {
  let length = max(row.map { $0 * $0 }.reduce(0, +).squareRoot(), 1e-12)
  return row.map { $0 / length }
}

/// One head of one text: `(softmax(Q Kᵀ / √d) ∘ mask) V`, where the first `keys` of the `rows` are asked.
///
/// - Parameters:
///   - queries: `[rows × d]`; `keys` and `values` likewise, of which the first `keyCount` rows are read.
///   - mask: `[rows × keyCount]`, 1 everywhere without dropout.
package func naiveAttention(
  queries: [Double], keys: [Double], values: [Double], keyCount: Int, headWidth: Int, mask: [Double]
) -> [Double] {
  let rows = queries.count / headWidth
  var output = [Double](repeating: 0, count: rows * headWidth)
  for row in 0..<rows {
    let logits = (0..<keyCount).map { key -> Double in
      var sum = 0.0
      for i in 0..<headWidth { sum += queries[row * headWidth + i] * keys[key * headWidth + i] }
      return sum / Double(headWidth).squareRoot()
    }
    let largest = logits.max()!
    let sum = logits.map { exp($0 - largest) }.reduce(0, +)
    for key in 0..<keyCount {
      let probability = exp(logits[key] - largest) / sum * mask[row * keyCount + key]
      for i in 0..<headWidth { output[row * headWidth + i] += probability * values[key * headWidth + i] }
    }
  }
  return output
}

/// ∂loss/∂Q, ∂K and ∂V of `naiveAttention`, given ∂loss/∂output; rows that are no keys have zeros in the last two.
package func naiveAttentionBackward(
  _ upstream: [Double], queries: [Double], keys: [Double], values: [Double], keyCount: Int, headWidth: Int,
  mask: [Double]
) -> (queries: [Double], keys: [Double], values: [Double]) {
  let zeros = [Double](repeating: 0, count: queries.count)
  var gradients = (queries: zeros, keys: zeros, values: zeros)
  let scale = 1 / Double(headWidth).squareRoot()
  for row in 0..<queries.count / headWidth {
    func product(_ a: [Double], _ b: [Double], _ key: Int) -> Double {
      var sum = 0.0
      for i in 0..<headWidth { sum += a[row * headWidth + i] * b[key * headWidth + i] }
      return sum
    }
    let powers = (0..<keyCount).map { exp(product(queries, keys, $0) * scale) }
    let total = powers.reduce(0, +)
    let slopes = (0..<keyCount).map { product(upstream, values, $0) * mask[row * keyCount + $0] }
    let mean = zip(powers, slopes).map { $0 * $1 }.reduce(0, +) / total
    for key in 0..<keyCount {
      let probability = powers[key] / total
      let slope = probability * (slopes[key] - mean) * scale
      for i in 0..<headWidth {
        let (asking, asked) = (row * headWidth + i, key * headWidth + i)
        gradients.queries[asking] += slope * keys[asked]
        gradients.keys[asked] += slope * queries[asking]
        gradients.values[asked] += probability * mask[row * keyCount + key] * upstream[asking]
      }
    }
  }
  return gradients
}

/// AdamW by the book, for one parameter.
package struct NaiveAdamW {
  package var value: Double
  package private(set) var first = 0.0
  package private(set) var second = 0.0
  private var updates = 0

  package init(_ value: Double) { self.value = value }

  package mutating func update(
    gradient: Double, learningRate: Double, decay: Double, betas: (Double, Double), epsilon: Double
  ) {
    updates += 1
    first = betas.0 * first + (1 - betas.0) * gradient
    second = betas.1 * second + (1 - betas.1) * gradient * gradient
    let (m, v) = (first / (1 - pow(betas.0, Double(updates))), second / (1 - pow(betas.1, Double(updates))))
    value = value * (1 - learningRate * decay) - learningRate * m / (v.squareRoot() + epsilon)
  }
}
