import Foundation

/// The text clean-up before BERT's WordPiece, scalar for scalar as the BertNormalizer of Hugging Face's `tokenizers`.
///
/// In this order: drop control characters and make all whitespace spaces; put spaces around ideographs; decompose
/// (NFD) and drop nonspacing marks; lowercase, without regard to the neighbours.
struct BERTNormalizer: Sendable {
  private let sets = BERTCharacters.ofScalars
  /// The sets whose scalars this normalizer changes.
  private let affected: BERTCharacters
  /// What a scalar becomes by accent stripping and lowercasing, if not itself; Hangul syllables are computed.
  private let replacements: [UInt32: [UInt32]]

  init(cleansText: Bool, partsIdeographs: Bool, stripsAccents: Bool, lowercases: Bool) {
    var affected: BERTCharacters = []
    if cleansText { affected.formUnion([.removed, .whitespace]) }
    if partsIdeographs { affected.insert(.ideograph) }
    if stripsAccents { affected.formUnion([.decomposed, .nonspacingMark, .nonstarter]) }
    if lowercases { affected.insert(.lowercased) }
    self.affected = affected
    replacements = Self.replacements(stripsAccents: stripsAccents, lowercases: lowercases)
  }

  /// The normalised text.
  func normalize(_ text: ArraySlice<UInt32>) -> [UInt32] {
    var output = OrderedScalars(capacity: text.count + text.count / 8)
    for scalar in text {
      let set = sets[Int(scalar)].intersection(affected)
      if set.isEmpty {
        output.append(scalar)
      } else if set.contains(.removed) {
        continue
      } else if set.contains(.whitespace) {
        output.append(0x20)
      } else if scalar < 0x80 {
        output.append(scalar | 0x20)
      } else if set.contains(.ideograph) {
        output.append(0x20)
        append(scalar, set, to: &output)
        output.append(0x20)
      } else {
        append(scalar, set, to: &output)
      }
    }
    return output.finished()
  }

  /// Appends what accent stripping and lowercasing make of a scalar that is not ASCII.
  private func append(_ scalar: UInt32, _ set: BERTCharacters, to output: inout OrderedScalars) {
    if set.contains(.nonspacingMark) {
      output.drop(mark: scalar)
    } else if set.contains(.decomposed), Hangul.syllables.contains(scalar) {
      Hangul.forEachJamo(of: scalar) { output.append($0) }
    } else if let replacement = replacements[scalar] {
      for part in replacement {
        if affected.contains(.nonstarter), sets[Int(part)].contains(.nonstarter) {
          output.append(nonstarter: part)
        } else {
          output.append(part)
        }
      }
    } else if set.contains(.nonstarter) {
      output.append(nonstarter: scalar)
    } else {
      output.append(scalar)
    }
  }

  /// Which scalars change is Hugging Face's (`BERTCharacterRanges`); what they become is Unicode's, which never changes
  /// a decomposition or a lowercase once it is given.
  private static func replacements(stripsAccents: Bool, lowercases: Bool) -> [UInt32: [UInt32]] {
    let sets = BERTCharacters.ofScalars
    var replacements: [UInt32: [UInt32]] = [:]
    if stripsAccents {
      for scalar in BERTCharacters.scalars(of: BERTCharacterRanges.decomposed) where !Hangul.syllables.contains(scalar)
      {
        replacements[scalar] = String(Unicode.Scalar(scalar)!).decomposedStringWithCanonicalMapping.scalarValues
          .filter { !sets[Int($0)].contains(.nonspacingMark) }
      }
    }
    if lowercases {
      let lowercase = { (scalar: UInt32) in
        sets[Int(scalar)].contains(.lowercased)
          ? Unicode.Scalar(scalar)!.properties.lowercaseMapping.scalarValues : [scalar]
      }
      replacements = replacements.mapValues { $0.flatMap(lowercase) }
      for scalar in BERTCharacters.scalars(of: BERTCharacterRanges.lowercased) where replacements[scalar] == nil {
        replacements[scalar] = lowercase(scalar)
      }
    }
    return replacements
  }
}

/// Hangul syllables decompose by arithmetic (The Unicode Standard, section 3.12).
private enum Hangul {
  static let syllables: ClosedRange<UInt32> = 0xAC00...0xD7A3

  static func forEachJamo(of syllable: UInt32, _ body: (UInt32) -> Void) {
    let index = syllable - 0xAC00
    body(0x1100 + index / 588)
    body(0x1161 + index % 588 / 28)
    if index % 28 != 0 { body(0x11A7 + index % 28) }
  }
}

extension String {
  var scalarValues: [UInt32] { unicodeScalars.map(\.value) }

  /// The text of these scalars.
  init(scalarValues: some Sequence<UInt32>) {
    var scalars = UnicodeScalarView()
    for value in scalarValues { scalars.append(Unicode.Scalar(value)!) }
    self.init(scalars)
  }
}
