/// The distance of two floats in units in the last place of the first.
package func ulps(_ a: Float, _ b: Float) -> Float { abs(a - b) / max(abs(a), .leastNormalMagnitude).ulp }

/// ‖a − b‖ / ‖b‖.
package func relativeError(_ a: [Float], _ b: [Float]) -> Double {
  precondition(a.count == b.count, "\(a.count) against \(b.count) values")
  var difference = 0.0
  var norm = 0.0
  for (x, y) in zip(a, b) {
    difference += (Double(x) - Double(y)) * (Double(x) - Double(y))
    norm += Double(y) * Double(y)
  }
  return norm == 0 ? difference.squareRoot() : (difference / norm).squareRoot()
}

/// The bits of floats: what "the same" means where nothing may round otherwise.
package func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

/// How much of itself a number may lose in `count` roundings to float: n u / (1 − n u), u = 2⁻²⁴.
///
/// A sum of n floats is within `rounding(n − 1)` Σ |xᵢ| of the exact one in whatever order it is taken, one of n products
/// within `rounding(n)` Σ |xᵢ yᵢ|, fused or not (Higham, "Accuracy and Stability of Numerical Algorithms", 2002,
/// lemma 3.1 and sections 3.1 and 4.2).
package func rounding(_ count: Int) -> Double {
  let product = Double(count) * 0x1p-24
  return product / (1 - product)
}

/// The first of `values` that is further from what is expected than its bound, in words; nil if none is.
package func firstOutside(_ bounds: [Double], _ values: [Float], _ expected: [Double]) -> String? {
  precondition(
    bounds.count == values.count && values.count == expected.count,
    "\(values.count) values, \(expected.count) expected, \(bounds.count) bounds")
  // Written so that what is not a number is outside.
  return values.indices.first { !(abs(Double(values[$0]) - expected[$0]) <= bounds[$0]) }.map {
    "[\($0)] is \(values[$0]), expected \(expected[$0]) ± \(bounds[$0])"
  }
}
