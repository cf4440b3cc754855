/// A line of a corpus or of queries: BEIR calls the id `_id`, FlagEmbedding `id`.
struct RetrievalRecord: JSONLinesRow {
  let id: String
  let title: String?
  let text: String

  init(_ fields: RowFields) throws(RowDefect) {
    if try fields.stringIfPresent("_id") == nil, let other = try fields.stringIfPresent("id") {
      id = other
    } else {
      id = try fields.string("_id")
    }
    title = try fields.stringIfPresent("title")
    text = try fields.string("text")
  }

  static let example = #"{"_id": "…", "text": "…"}"#

  var defect: String? { id.isEmpty ? "\"_id\" is empty" : nil }
}

extension JSONLinesFile<RetrievalRecord> {
  /// The error that an id stands on two lines.
  func duplicateError(_ first: Int, _ second: Int) throws -> DataError {
    error(
      atRow: second,
      reason: "the id \"\(try row(second).id)\" stands on line \(lineNumber(ofRow: first)) already",
      advice: "Give every line an id of its own")
  }
}
