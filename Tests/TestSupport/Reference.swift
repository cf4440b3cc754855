// Naive twins of the kernels in double precision: what a formula says, nothing clever.
package import Tensors

/// Numbers that look random and are the same on every machine.
package struct TestNumbers {
  private var state: UInt64

  package init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  package mutating func next() -> UInt64 {
    state = state &+ 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in [−1, 1).
  package mutating func uniform() -> Float { Float(Double(Int64(bitPattern: next()) >> 11) / Double(1 << 52)) }

  package mutating func integer(below bound: Int) -> Int { Int(next() % UInt64(bound)) }

  package mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in uniform() } }
}

/// A matrix that owns its floats.
package final class TestMatrix {
  private let storage: Storage
  package let matrix: Matrix

  package init(_ values: [Float], rows: Int, columns: Int) {
    storage = Storage(zeros: rows * columns)
    matrix = storage.matrix(rows: rows, columns: columns)
    matrix.assign(values)
  }

  package convenience init(rows: Int, columns: Int, _ numbers: inout TestNumbers) {
    self.init(numbers.floats(rows * columns), rows: rows, columns: columns)
  }

  package convenience init(zeros rows: Int, _ columns: Int) {
    self.init([Float](repeating: 0, count: rows * columns), rows: rows, columns: columns)
  }

  /// A copy, for kernels that work in place.
  package convenience init(copying other: TestMatrix) {
    self.init(other.values, rows: other.matrix.rows, columns: other.matrix.columns)
  }

  package var values: [Float] { matrix.values }

  /// One row in double, for a twin.
  package func row(_ row: Int) -> [Double] { matrix.rows(row..<row + 1).values.map(Double.init) }

  /// Every value in double, for a twin.
  package var doubles: [Double] { values.map(Double.init) }
}

/// `a[rows × depth] · b[columns × depth]ᵀ` in double.
package func naiveProduct(_ a: [Float], _ b: [Float], rows: Int, columns: Int, depth: Int) -> [Double] {
  var c = [Double](repeating: 0, count: rows * columns)
  for i in 0..<rows {
    for j in 0..<columns {
      for k in 0..<depth { c[i * columns + j] += Double(a[i * depth + k]) * Double(b[j * depth + k]) }
    }
  }
  return c
}

/// Transposes `[rows × columns]`.
package func transposed<Value>(_ values: [Value], rows: Int, columns: Int) -> [Value] {
  (0..<columns).flatMap { column in (0..<rows).map { values[$0 * columns + column] } }
}

/// Central differences of a function of many doubles: the gradient that a backward pass must give.
package func centralDifferences(_ point: [Double], step: Double = 1e-5, of function: ([Double]) -> Double) -> [Double] {
  point.indices.map { i in
    var (up, down) = (point, point)
    up[i] += step
    down[i] -= step
    return (function(up) - function(down)) / (2 * step)
  }
}

/// What a backward pass must give: `upstream` pulled back through `function` at `point`, by central differences.
package func pullback(
  _ upstream: [Double], at point: [Double], step: Double = 1e-5, through function: ([Double]) -> [Double]
) -> [Double] {
  centralDifferences(point, step: step) { zip(function($0), upstream).map(*).reduce(0, +) }
}

/// The largest |a − b| relative to the largest |b|.
package func worstError(_ a: [Float], _ b: [Double]) -> Double {
  largestDifference(a, b) / max(b.map(abs).max() ?? 0, 1e-30)
}

/// The largest |a − b|; infinite where one is not a number, which `max` would pass over.
package func largestDifference(_ a: [Float], _ b: [Double]) -> Double {
  precondition(a.count == b.count, "\(a.count) against \(b.count) values")
  return zip(a, b).map { abs(Double($0) - $1) }.reduce(0) { $1.isNaN ? .infinity : max($0, $1) }
}
