/// Where the loss is going: the mean of the last losses beside those before.
struct LossTrend: Equatable, Sendable {
  private var losses: [Double] = []
  /// How many of the last losses are compared with as many before.
  private static let span = 25

  mutating func append(_ loss: Double) {
    losses.append(loss)
    if losses.count > 2 * Self.span { losses.removeFirst() }
  }

  /// Of the newer half; nil for fewer than four.
  var mean: Double? { losses.count < 4 ? nil : Self.mean(losses.suffix(losses.count / 2)) }

  /// Down, up, or neither by more than a hundredth.
  var arrow: String {
    guard let mean else { return "" }
    let before = Self.mean(losses.prefix(losses.count - losses.count / 2))
    return abs(mean - before) <= 0.01 * abs(before) ? "→" : mean < before ? "↓" : "↑"
  }

  private static func mean(_ losses: ArraySlice<Double>) -> Double { losses.reduce(0, +) / Double(losses.count) }
}
