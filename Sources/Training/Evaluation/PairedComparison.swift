package import Datasets

/// Two evaluations of the same queries, and whether the second differs from the first by more than chance.
package struct PairedComparison: Codable, Sendable {
  package struct Figure: Codable, Sendable {
    package let name: String
    /// Means over the queries, of the first evaluation and of the second.
    package let a: Double
    package let b: Double
    /// `b - a`, and its 95% confidence interval.
    package let difference: Double
    package let low: Double
    package let high: Double
    /// How likely a difference as large, to either side, is if both are equally good.
    package let p: Double
  }

  package let queries: Int
  package let figures: [Figure]

  /// Throws `DataError`, which names what differs, unless both have the same queries and figures.
  package init(_ a: QueryFigures, _ b: QueryFigures) throws {
    try Self.requireAll(a.queries.filter { b.values(of: $0) == nil }, "queries", of: a, in: b)
    try Self.requireAll(b.queries.filter { a.values(of: $0) == nil }, "queries", of: b, in: a)
    try Self.requireAll(a.names.filter { !b.names.contains($0) }, "figures", of: a, in: b)
    try Self.requireAll(b.names.filter { !a.names.contains($0) }, "figures", of: b, in: a)

    let places = a.names.map { b.names.firstIndex(of: $0)! }
    let first = a.queries.map { a.values(of: $0)! }
    let second = a.queries.map { query in
      let values = b.values(of: query)!
      return places.map { values[$0] }
    }
    let differences = zip(first, second).map { zip($0, $1).map { $1 - $0 } }
    let intervals = bootstrapIntervals(differences)
    func mean(_ rows: [[Double]], _ column: Int) -> Double {
      rows.reduce(0) { $0 + $1[column] } / Double(rows.count)
    }
    queries = first.count
    figures = a.names.indices.map { column in
      Figure(
        name: a.names[column], a: mean(first, column), b: mean(second, column), difference: mean(differences, column),
        low: intervals[column].low, high: intervals[column].high,
        p: randomizationTest(differences.map { $0[column] }))
    }
  }

  private static func requireAll(
    _ missing: [String], _ what: String, of other: QueryFigures, in here: QueryFigures
  ) throws {
    guard !missing.isEmpty else { return }
    let shown = missing.prefix(10).map { "\"\($0)\"" }.joined(separator: ", ")
    let rest = missing.count > 10 ? " and \(missing.count - 10) more" : ""
    throw DataError(
      path: here.path, reason: "\(what) of \(other.path) are missing: \(shown)\(rest)",
      advice: "Compare evaluations of the same collection, written by the same version")
  }
}

/// The two-sided p-value of paired differences by Fisher's randomization test, as Smucker, Allan and Carterette have it ("A
/// comparison of statistical significance tests for information retrieval evaluation", CIKM 2007): if both systems are
/// equally good, each difference could as well have the other sign.
///
/// All signs of up to 16 differences are gone through. Of more, 100,000 draws are, and what was measured counts as one of
/// them, so that no p-value is zero (Phipson and Smyth, 2010). The draws are always the same.
func randomizationTest(_ differences: [Double]) -> Double {
  // A sign changes nothing of zero.
  let differences = differences.filter { $0 != 0 }
  // Sums of the same numbers in another order differ in their last bits.
  let bound = abs(differences.reduce(0, +)) - 1e-12 * differences.reduce(0) { $0 + abs($1) }
  let isExact = differences.count <= 16
  let draws = isExact ? 1 << differences.count : 100_000
  let random = CounterRandom(seed: 42, epoch: 0, purpose: .signs)
  var extreme = 0
  for draw in 0..<draws {
    var sum = 0.0
    for start in stride(from: 0, to: differences.count, by: 64) {
      var signs = isExact ? UInt64(draw) : random.bits(UInt64(draw), UInt64(start))
      for place in start..<min(start + 64, differences.count) {
        sum += signs & 1 == 0 ? differences[place] : -differences[place]
        signs >>= 1
      }
    }
    if abs(sum) >= bound { extreme += 1 }
  }
  return isExact ? Double(extreme) / Double(draws) : Double(extreme + 1) / Double(draws + 1)
}
