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
