/// Stands for a text in a table: texts that differ in white space alone have the same key.
///
/// 128 bits, so that of a hundred million different texts no two have the same (but for one chance in 10²²); the texts
/// themselves stay in their files. Good for this process alone.
struct TextKey: Hashable {
  private let first: Int
  private let second: Int

  init(_ text: String) {
    let words = text.unicodeScalars.split(whereSeparator: \.properties.isWhitespace)
    var hashers = (Hasher(), Hasher())
    hashers.1.combine(1)
    for word in words {
      for scalar in word {
        hashers.0.combine(scalar)
        hashers.1.combine(scalar)
      }
      hashers.0.combine(0)
      hashers.1.combine(0)
    }
    first = hashers.0.finalize()
    second = hashers.1.finalize()
  }
}
