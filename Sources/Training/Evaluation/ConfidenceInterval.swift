import Datasets

/// Where a mean over queries lies with 95% confidence.
package struct ConfidenceInterval: Equatable, Sendable {
  package let low: Double
  package let high: Double
}

/// How many samples the intervals come from.
private let sampleCount = 1_000

/// The 95% confidence intervals of several figures' means over queries: how far the means would move with other queries of
/// the same kind.
///
/// By the percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13): as many queries
/// as there are are drawn with replacement, 1,000 times, and of the means the 25 lowest and the 25 highest are left out.
/// The draws are a function of the number of queries: the same figures have the same interval.
/// - Parameter figures: `[queries × figures]`, at least one query.
func bootstrapIntervals(_ figures: [[Double]]) -> [ConfidenceInterval] {
  let random = CounterRandom(seed: 42, epoch: 0, purpose: .bootstrap)
  let (queries, width) = (figures.count, figures[0].count)
  let flat = figures.flatMap { $0 }
  var means = Array(repeating: [Double](), count: width)
  for sample in 0..<sampleCount {
    var sums = [Double](repeating: 0, count: width)
    for draw in 0..<queries {
      let query = random.number(below: queries, sample, draw)
      for figure in 0..<width { sums[figure] += flat[query * width + figure] }
    }
    for figure in 0..<width { means[figure].append(sums[figure] / Double(queries)) }
  }
  let left = sampleCount / 40
  return means.map { means in
    let sorted = means.sorted()
    return ConfidenceInterval(low: sorted[left], high: sorted[sampleCount - 1 - left])
  }
}
