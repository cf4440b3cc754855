import Foundation
import Testing

@testable import Training

@Suite struct ConfidenceIntervalTests {
  /// 400 zeros and ones: the standard error of the mean is √(p(1−p)/400), and 95% lie within 1.96 of it.
  @Test func isWhereTheNormalDistributionHasIt() {
    let figures = (0..<400).map { [$0 % 5 == 0 ? 1.0 : 0, 0.25] }
    let intervals = bootstrapIntervals(figures)
    let error = 1.96 * sqrt(0.2 * 0.8 / 400)
    #expect(abs(intervals[0].low - (0.2 - error)) < 0.1 * error && abs(intervals[0].high - (0.2 + error)) < 0.1 * error)
    #expect(intervals[1] == ConfidenceInterval(low: 0.25, high: 0.25), "figures that are all alike")
    #expect(bootstrapIntervals(figures) == intervals, "the same draws each time")
  }
}
