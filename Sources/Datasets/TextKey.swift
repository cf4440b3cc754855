internal import Crypto

/// Stands for a text in a table: texts that differ in white space alone have the same key, in every process.
///
/// The first 128 bits of a SHA-256, so that of a hundred million different texts no two have the same (but for one chance
/// in 10²²); the texts themselves stay in their files.
package struct TextKey: Hashable, Sendable {
  private let first: UInt64
  private let second: UInt64

  package init(_ text: String) {
    let words = text.unicodeScalars.split(whereSeparator: \.properties.isWhitespace)
    var hash = SHA256()
    for word in words {
      hash.update(data: Array(String(word).utf8))
      hash.update(data: [0])
    }
    let bytes = Array(hash.finalize())
    func number(_ start: Int) -> UInt64 { bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) } }
    first = number(0)
    second = number(8)
  }
}

extension TextKey {
  package static let numberCount = 4

  /// As it travels between ranks.
  package var numbers: [Int32] {
    [first >> 32, first, second >> 32, second].map { Int32(truncatingIfNeeded: $0) }
  }

  package init(numbers: some Sequence<Int32>) {
    let halves = numbers.map { UInt64(UInt32(bitPattern: $0)) }
    precondition(halves.count == Self.numberCount, "a key of \(halves.count) numbers")
    first = halves[0] << 32 | halves[1]
    second = halves[2] << 32 | halves[3]
  }
}
