/// What BERT's normalizer and pre-tokenizer do to a scalar: a bit for each set of `BERTCharacterRanges`.
struct BERTCharacters: OptionSet {
  let rawValue: UInt8

  static let removed = BERTCharacters(rawValue: 1)
  static let whitespace = BERTCharacters(rawValue: 2)
  static let punctuation = BERTCharacters(rawValue: 4)
  static let ideograph = BERTCharacters(rawValue: 8)
  static let nonspacingMark = BERTCharacters(rawValue: 16)
  static let decomposed = BERTCharacters(rawValue: 32)
  static let nonstarter = BERTCharacters(rawValue: 64)
  static let lowercased = BERTCharacters(rawValue: 128)

  /// The sets of every scalar, by its value.
  static let ofScalars: [BERTCharacters] = {
    var sets = [BERTCharacters](repeating: [], count: 0x11_0000)
    for (set, runs) in [
      (removed, BERTCharacterRanges.removed), (whitespace, BERTCharacterRanges.whitespace),
      (punctuation, BERTCharacterRanges.punctuation), (ideograph, BERTCharacterRanges.ideographs),
      (nonspacingMark, BERTCharacterRanges.nonspacingMarks), (decomposed, BERTCharacterRanges.decomposed),
      (nonstarter, BERTCharacterRanges.nonstarters), (lowercased, BERTCharacterRanges.lowercased),
    ] {
      for scalar in scalars(of: runs) { sets[Int(scalar)].formUnion(set) }
    }
    return sets
  }()

  /// The scalars of a list of `first, last, step`.
  static func scalars(of runs: [UInt32]) -> some Sequence<UInt32> {
    stride(from: 0, to: runs.count, by: 3).lazy.flatMap {
      stride(from: runs[$0], through: runs[$0 + 1], by: Int(runs[$0 + 2]))
    }
  }
}
