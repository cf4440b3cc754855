import Tensors

/// Runs `body` over and over for about `seconds`, and at least three times after one that does not count.
///
/// - Returns: the shortest time: what the machine can do when nothing else disturbs it.
func shortestTime(within seconds: Double, _ body: () throws -> Void) rethrows -> Double {
  try body()
  var shortest = Double.infinity
  var (count, total) = (0, 0.0)
  while count < 3 || total < seconds {
    let start = PartClock.now
    try body()
    let time = Double(PartClock.now - start) / 1e9
    shortest = min(shortest, time)
    total += time
    count += 1
  }
  return shortest
}

extension Arena {
  /// A matrix of numbers around zero, the same each time: denormals and infinities would be slow for no reason.
  func filled(rows: Int, columns: Int) -> Matrix {
    let matrix = matrix(rows: rows, columns: columns)
    matrix.withMutableSpan { values in
      var state: UInt32 = 1
      for i in 0..<values.count {
        state = state &* 1_664_525 &+ 1_013_904_223
        values[i] = Float(state >> 8) / Float(1 << 23) - 1
      }
    }
    return matrix
  }
}

/// Bytes a second through memory, read and written, of an addition on arrays that no cache holds.
func memoryBandwidth(on pool: ThreadPool, within seconds: Double) -> Double {
  let arena = Arena()
  let (rows, columns) = (32_768, 1_024)
  let (a, b) = (arena.zeros(rows: rows, columns: columns), arena.zeros(rows: rows, columns: columns))
  return withExtendedLifetime(arena) {
    Double(3 * 4 * rows * columns) / shortestTime(within: seconds) { add(a, to: b, on: pool) }
  }
}
