import Foundation

/// A number of bytes for people: "36.2 MB".
package func byteText(_ bytes: Int) -> String {
  ByteCountFormatStyle(style: .decimal, spellsOutZero: false, locale: .init(identifier: "en_US")).format(Int64(bytes))
}
