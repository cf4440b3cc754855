/// The token ids of several texts laid end to end, and which of them give a vector that counts.
package struct TokenBatch: Sendable {
  package private(set) var ids: [Int32] = []
  /// Text `i` is tokens `starts[i] ..< starts[i + 1]`.
  package private(set) var starts: [Int] = [0]
  /// How many of a text's first tokens are keys in attention; the others (query expansion) ask but are not asked.
  package private(set) var keyCounts: [Int] = []
  package private(set) var places: [Place] = []
  /// The tokens whose vectors take part in MaxSim, in order.
  package private(set) var vectorTokens: [Int] = []
  /// Text `i` has vectors `vectorStarts[i] ..< vectorStarts[i + 1]`.
  package private(set) var vectorStarts: [Int] = [0]

  package init() {}

  package var tokenCount: Int { ids.count }
  package var textCount: Int { starts.count - 1 }
  package var vectorCount: Int { vectorTokens.count }
  package var longest: Int { (0..<textCount).map { starts[$0 + 1] - starts[$0] }.max() ?? 0 }

  /// The text that a token belongs to, found in the logarithm of their number.
  func text(ofToken token: Int) -> Int {
    var (low, high) = (0, textCount)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= token { low = middle } else { high = middle }
    }
    return low
  }

  /// Lays a text at the end. `givesVector` says for each of its tokens whether its vector counts.
  package mutating func append(_ text: [Int32], keyCount: Int, givesVector: [Bool], place: Place) {
    precondition(keyCount > 0 && keyCount <= text.count, "\(keyCount) keys in a text of \(text.count) tokens")
    precondition(givesVector.count == text.count, "\(givesVector.count) marks for \(text.count) tokens")
    for (token, keeps) in givesVector.enumerated() where keeps { vectorTokens.append(ids.count + token) }
    ids.append(contentsOf: text)
    starts.append(ids.count)
    vectorStarts.append(vectorTokens.count)
    keyCounts.append(keyCount)
    places.append(place)
  }
}
