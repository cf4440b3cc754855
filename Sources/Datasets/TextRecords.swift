/// The texts of a file of `{"text": …}` lines, for `encode` and `tokenize`. BEIR's `_id` and `title` are allowed.
///
/// Opening checks every line; the texts stay in the file, so memory is bounded by how many are asked for at once.
package struct TextRecords: Sendable {
  private let file: JSONLinesFile<TextRecord>
  /// How many say nothing.
  package let blankCount: Int

  /// Throws `DataError` at the first defect, with file and line, and `MissingFileError`.
  package init(path: String) throws {
    var blanks = 0
    file = try JSONLinesFile(path: path) { if $0.fullText.isBlank { blanks += 1 } }
    blankCount = blanks
  }

  package var count: Int { file.count }
  var path: String { file.path }

  /// `FILE:line` of a record.
  package func location(_ record: Int) -> String { file.location(ofRow: record) }

  /// The texts of records `range`, title first. A text may be empty: it has its special tokens still.
  package func texts(_ range: Range<Int>) throws -> [String] { try range.map { try file.row($0).fullText } }
}

private struct TextRecord: JSONLinesRow {
  let title: String?
  let text: String

  init(_ fields: RowFields) throws(RowDefect) {
    title = try fields.stringIfPresent("title")
    text = try fields.string("text")
  }

  static let example = #"{"text": "…"}"#
  var defect: String? { nil }
  var fullText: String { joined(title: title, text: text) }
}

/// What a document with a title reads as: the title, a space, the text; as BEIR joins them.
func joined(title: String?, text: String) -> String {
  guard let title, !title.isEmpty else { return text }
  return text.isEmpty ? title : title + " " + text
}
