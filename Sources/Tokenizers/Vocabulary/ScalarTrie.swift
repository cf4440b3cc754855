/// Strings of Unicode scalars → numbers, found by longest prefix in one walk, whatever the number of strings.
///
/// An edge is an entry of one open-addressing table, keyed by (node, scalar): compact, and nothing is allocated to look.
struct ScalarTrie: Sendable {
  private static let free = UInt64.max
  private static let nothing: Int32 = -1

  /// `node << 21 | scalar` of each edge, or `free`; a power of two of places, at most half of them taken.
  private var edges = [UInt64](repeating: free, count: 16)
  /// The node that each edge leads to.
  private var targets = [Int32](repeating: 0, count: 16)
  /// By node: the number of the string that ends there, or `nothing`. Node 0 is the root.
  private var values = [nothing]

  var isEmpty: Bool { values.count == 1 }

  /// The number of exactly this string.
  subscript(string: [UInt32]) -> Int32? {
    var node: Int32 = 0
    for scalar in string {
      guard let next = target(from: node, by: scalar) else { return nil }
      node = next
    }
    let value = values[Int(node)]
    return value == Self.nothing ? nil : value
  }

  /// The longest string, of one scalar or more, that `text` has at `start`, and where it ends, at most at `end`.
  func longestPrefix(of text: [UInt32], from start: Int, to end: Int) -> (value: Int32, end: Int)? {
    var found: (value: Int32, end: Int)?
    forEachPrefix(of: text, from: start, to: end) { found = ($0, $1) }
    return found
  }

  /// Every string, of one scalar or more, that `text` has at `start`, and where it ends, at most at `end`; shorter ones
  /// first.
  func forEachPrefix(of text: [UInt32], from start: Int, to end: Int, _ body: (Int32, Int) -> Void) {
    var node: Int32 = 0
    var index = start
    while index < end, let next = target(from: node, by: text[index]) {
      node = next
      index += 1
      let value = values[Int(node)]
      if value != Self.nothing { body(value, index) }
    }
  }

  /// Adds a string and returns the number that it had, if it was there: then it keeps that one.
  @discardableResult
  mutating func insert(_ string: [UInt32], _ value: Int32) -> Int32? {
    precondition(value >= 0, "\(value) is not from 0")
    var node: Int32 = 0
    for scalar in string { node = target(from: node, by: scalar) ?? addEdge(from: node, by: scalar) }
    if values[Int(node)] != Self.nothing { return values[Int(node)] }
    values[Int(node)] = value
    return nil
  }

  private func target(from node: Int32, by scalar: UInt32) -> Int32? {
    let edge = UInt64(node) << 21 | UInt64(scalar)
    let place = place(of: edge)
    return edges[place] == edge ? targets[place] : nil
  }

  private mutating func addEdge(from node: Int32, by scalar: UInt32) -> Int32 {
    if values.count * 2 > edges.count { grow() }
    let edge = UInt64(node) << 21 | UInt64(scalar)
    let place = place(of: edge)
    edges[place] = edge
    targets[place] = Int32(values.count)
    values.append(Self.nothing)
    return targets[place]
  }

  /// Where an edge is, or would be.
  private func place(of edge: UInt64) -> Int {
    let last = edges.count - 1
    // Fibonacci hashing: the high bits of the product depend on every bit of the edge.
    var place = Int(truncatingIfNeeded: (edge &* 0x9E37_79B9_7F4A_7C15) >> 32) & last
    while edges[place] != edge && edges[place] != Self.free { place = (place + 1) & last }
    return place
  }

  private mutating func grow() {
    let old = zip(edges, targets).filter { $0.0 != Self.free }
    edges = Array(repeating: Self.free, count: edges.count * 2)
    targets = Array(repeating: 0, count: edges.count)
    for (edge, target) in old {
      let place = place(of: edge)
      edges[place] = edge
      targets[place] = target
    }
  }
}
