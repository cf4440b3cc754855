/// The clean-up of characters that a SentencePiece model brings (`precompiled_charsmap`; XLM-R's is `nmt_nfkc`: NFKC,
/// control characters dropped, all kinds of whitespace made spaces), applied as by Hugging Face's `tokenizers`.
///
/// SentencePiece itself replaces the longest piece of text that the map knows, then the next. `tokenizers`
/// looks at one grapheme cluster: one of less than six bytes is replaced as a whole by what the map says of the
/// shortest beginning that it knows, so that U+FF41 U+0301 (a wide a with an acute) loses its accent; from a longer
/// one, each scalar is replaced alone, so that conjoining jamo are not composed. Models are trained and used with that.
struct CharacterMap: Sendable {
  /// A double-array trie over UTF-8, in the format of Darts-clone.
  private let units: [UInt32]
  /// The replacements as scalars, each ended by a zero.
  private let replacements: [UInt32]
  /// Where the scalar that begins at a byte of the file's replacements is in `replacements`.
  private let places: [Int32]

  /// Nil if `bytes` are no such map: the trie's length in bytes, the trie, and the replacements in UTF-8.
  init?(_ bytes: ArraySlice<UInt8>) {
    let word = { (start: Int) in (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * $1) } }
    guard bytes.count >= 4 else { return nil }
    let start = bytes.startIndex + 4
    let size = Int(word(bytes.startIndex))
    guard size >= 4, size.isMultiple(of: 4), size <= bytes.endIndex - start else { return nil }
    units = stride(from: start, to: start + size, by: 4).map(word)
    guard let text = String(validating: bytes[(start + size)...], as: UTF8.self) else { return nil }
    var places: [Int32] = []
    for (index, scalar) in text.unicodeScalars.enumerated() {
      places += repeatElement(Int32(index), count: UTF8.width(scalar))
    }
    replacements = text.scalarValues
    self.places = places
  }

  /// The cleaned text.
  func normalize(_ text: ArraySlice<UInt32>) -> [UInt32] {
    var output: [UInt32] = []
    output.reserveCapacity(text.count)
    var start = text.startIndex
    while start < text.endIndex {
      let end = endOfStretch(text, from: start)
      if end == start + 1 {
        append(text[start], to: &output)
      } else {
        for cluster in String(scalarValues: text[start..<end]) { append(cluster, to: &output) }
      }
      start = end
    }
    return output
  }

  /// The first place after `start` that is certainly the border of a cluster: between two scalars below U+0300, where
  /// none joins another, but for CR LF.
  private func endOfStretch(_ text: ArraySlice<UInt32>, from start: Int) -> Int {
    var end = start + 1
    while end < text.endIndex && (max(text[end - 1], text[end]) >= 0x300 || (text[end - 1], text[end]) == (0xD, 0xA)) {
      end += 1
    }
    return end
  }

  private func append(_ cluster: Character, to output: inout [UInt32]) {
    let scalars = cluster.unicodeScalars.lazy.map(\.value)
    if cluster.utf8.count < 6, let replacement = replacement(of: scalars) {
      output += replacement
    } else {
      for scalar in scalars { append(scalar, to: &output) }
    }
  }

  private func append(_ scalar: UInt32, to output: inout [UInt32]) {
    if let replacement = replacement(of: CollectionOfOne(scalar)) {
      output += replacement
    } else {
      output.append(scalar)
    }
  }

  /// What the map says of the shortest beginning of `scalars` that it knows.
  private func replacement(of scalars: some Sequence<UInt32>) -> ArraySlice<UInt32>? {
    var node = offset(of: units[0])
    for scalar in scalars {
      for byte in UTF8.encode(Unicode.Scalar(scalar)!)! {
        node ^= Int(byte)
        // A zero byte is no label: a leaf's value would be taken for a node.
        guard byte != 0, node < units.count, units[node] & 0x8000_00FF == UInt32(byte) else { return nil }
        let unit = units[node]
        node ^= offset(of: unit)
        guard node < units.count else { return nil }
        if unit >> 8 & 1 == 1 { return replacement(at: Int(units[node] & 0x7FFF_FFFF)) }
      }
    }
    return nil
  }

  private func offset(of unit: UInt32) -> Int { Int(unit >> 10) << Int((unit & 0x200) >> 6) }

  private func replacement(at byte: Int) -> ArraySlice<UInt32>? {
    guard byte < places.count else { return nil }
    let start = Int(places[byte])
    return replacements[start...].prefix { $0 != 0 }
  }
}
