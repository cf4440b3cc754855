import Foundation

/// Rows under a header, in columns as wide as they need, for people.
struct TextTable: CustomStringConvertible {
  private let rows: [[String]]
  /// Columns that hold numbers, which end at the same place.
  private let numbers: Set<Int>

  init(_ header: [String], _ rows: [[String]], numbers: Set<Int> = []) {
    self.rows = [header] + rows
    self.numbers = numbers
  }

  var description: String {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max()! }
    return rows.map { row in
      let cells = row.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - row[column].count)
        if numbers.contains(column) { return space + row[column] }
        // The last column is as long as it is.
        return column == row.count - 1 ? row[column] : row[column] + space
      }
      return cells.joined(separator: "  ").replacing(#/ +$/#, with: "")
    }.joined(separator: "\n")
  }
}

/// Numbers for people.
enum Figure {
  static func decimals(_ value: Double, _ count: Int) -> String { String(format: "%.\(count)f", value) }

  /// `0.123 s`, `12.3 ms`, `4.56 µs`.
  static func time(_ seconds: Double) -> String {
    switch seconds {
    case 1...: decimals(seconds, 3) + " s"
    case 1e-3...: decimals(seconds * 1e3, 2) + " ms"
    default: decimals(seconds * 1e6, 1) + " µs"
    }
  }

  static func percent(_ share: Double) -> String { decimals(100 * share, 0) + "%" }

  static func gigaflops(_ rate: Double) -> String { decimals(rate / 1e9, 1) }
}

extension Encodable {
  /// As one JSON object, keys in order.
  var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
  }
}
