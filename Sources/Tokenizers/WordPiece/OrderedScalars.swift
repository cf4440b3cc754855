/// Decomposed text in the making: runs of combining scalars are put in canonical order (The Unicode Standard, D109).
struct OrderedScalars {
  private var scalars: [UInt32] = []
  /// The run of nonstarters that was appended last.
  private var run = 0..<0
  private var runIsOrdered = true

  init(capacity: Int) { scalars.reserveCapacity(capacity) }

  /// Appends a scalar that stays where it is, and so ends a run.
  mutating func append(_ scalar: UInt32) { scalars.append(scalar) }

  /// Appends a scalar that has a combining class.
  mutating func append(nonstarter scalar: UInt32) {
    if run.upperBound == scalars.count && !run.isEmpty {
      if Self.combiningClass(scalars[scalars.count - 1]) > Self.combiningClass(scalar) { runIsOrdered = false }
      run = run.lowerBound..<run.upperBound + 1
    } else {
      order()
      run = scalars.count..<scalars.count + 1
    }
    scalars.append(scalar)
  }

  /// Leaves out a mark, which still ends a run if it has no combining class.
  mutating func drop(mark: UInt32) {
    guard run.upperBound == scalars.count && Self.combiningClass(mark) == 0 else { return }
    order()
    run = 0..<0
  }

  consuming func finished() -> [UInt32] {
    order()
    return scalars
  }

  private mutating func order() {
    guard !runIsOrdered else { return }
    let ordered = scalars[run].enumerated().sorted {
      (Self.combiningClass($0.element), $0.offset) < (Self.combiningClass($1.element), $1.offset)
    }
    scalars.replaceSubrange(run, with: ordered.map(\.element))
    runIsOrdered = true
  }

  private static func combiningClass(_ scalar: UInt32) -> UInt8 {
    Unicode.Scalar(scalar)!.properties.canonicalCombiningClass.rawValue
  }
}
