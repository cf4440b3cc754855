import Foundation
import TestSupport
import Testing

@testable import Tensors

@Suite struct ElementaryFunctionsTests {
  @Test func exponentialIsWithinOneUlp() {
    var worst = 0.0
    forEachFloat(in: -87...88) { x in
      let exact = exp(Double(x))
      worst = max(worst, ulpError(Tensors.exponential(x), exact))
    }
    #expect(worst < 1)
  }

  @Test func exponentialOfSpecialValues() {
    #expect(Tensors.exponential(0 as Float) == 1)
    #expect(Tensors.exponential(-0.0 as Float) == 1)
    #expect(Tensors.exponential(Float.nan).isNaN)
    // Clamped, not 0 or ∞: loops stay branch-free, and both are far from where a softmax or a density tells them apart.
    for x in [-87.0001, -100, -1e30, -Float.infinity] {
      #expect(Tensors.exponential(x) == Tensors.exponential(-87 as Float))
    }
    for x in [88.0001, 1e30, Float.infinity] { #expect(Tensors.exponential(x) == Tensors.exponential(88 as Float)) }
  }

  @Test func errorFunctionIsWithinOneUlp() {
    var (worst, furthest, outside) = (0.0, 0.0, 0)
    forEachFloat(in: -10...10) { x in
      let exact = erf(Double(x))
      let value = errorFunction(x)
      worst = max(worst, ulpError(value, exact))
      furthest = max(furthest, abs(Double(value) - exact))
      outside += abs(value) > 1 ? 1 : 0
    }
    #expect(worst < 1)
    #expect(furthest < 6e-8)
    #expect(outside == 0)
  }

  @Test func errorFunctionOfSpecialValues() {
    #expect(errorFunction(0) == 0)
    #expect(errorFunction(-0.0).sign == .minus)
    #expect(errorFunction(.infinity) == 1)
    #expect(errorFunction(-.infinity) == -1)
    #expect(errorFunction(.nan).isNaN)
    #expect(errorFunction(1e30) == 1)
    forEachFloat(in: 0...10) { x in
      if errorFunction(-x) != -errorFunction(x) { Issue.record("erf(−\(x)) is not −erf(\(x))") }
    }
  }

  @Test func doublePrecisionForLosses() {
    for x in [-700.0, -3, -1e-9, 0, 0.5, 20] { #expect(Tensors.exponential(x) == exp(x)) }
    for x in [1e-300, 0.3, 1, 7e12] { #expect(Tensors.logarithm(x) == log(x)) }
  }

  /// Every 997th float of either sign, from 1e-19 up: all exponents and any last bits.
  private func forEachFloat(in range: ClosedRange<Float>, _ body: (Float) -> Void) {
    for sign: Float in [1, -1] {
      var magnitude = Float(bitPattern: 0x2000_0000)
      while magnitude <= max(abs(range.lowerBound), abs(range.upperBound)) {
        if range.contains(sign * magnitude) { body(sign * magnitude) }
        magnitude = Float(bitPattern: magnitude.bitPattern + 997)
      }
    }
  }

  private func ulpError(_ value: Float, _ exact: Double) -> Double {
    abs(Double(value) - exact) / Double(max(Float(exact).magnitude, .leastNormalMagnitude).ulp)
  }
}
