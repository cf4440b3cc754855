/// What an evaluation measured of each query: a file as `colbert evaluate --per-query` writes it.
package struct QueryFigures: Sendable {
  package let path: String
  /// The names of the figures, as the first line has them.
  package let names: [String]
  /// The queries' ids, in the file's order.
  package let queries: [String]
  /// A row for each query, a value for each name.
  private let values: [[Double]]
  private let index: IDIndex

  /// Reads the file. Throws `DataError`, with file and line, when a line is not a query with numbers, names a query again,
  /// or has other figures than the first line.
  package init(path: String) throws {
    var rows: [QueryFiguresRow] = []
    let file = try JSONLinesFile<QueryFiguresRow>(path: path) { rows.append($0) }
    let names = rows[0].figures.map(\.name)
    self.path = path
    self.names = names
    queries = rows.map(\.query)
    index = IDIndex(queries)
    if let (first, second) = index.duplicate {
      throw file.error(
        atRow: second,
        reason: "the query \"\(rows[second].query)\" stands on line \(file.lineNumber(ofRow: first)) already",
        advice: "Give every query one line")
    }
    values = try rows.enumerated().map { number, row in
      let own = Dictionary(row.figures.map { ($0.name, $0.value) }) { first, _ in first }
      guard own.count == names.count, names.allSatisfy({ own[$0] != nil }) else {
        let found = row.figures.map(\.name).joined(separator: ", ")
        throw file.error(
          atRow: number, reason: "the line has \(found), the first one \(names.joined(separator: ", "))",
          advice: "Give every query the same figures")
      }
      return names.map { own[$0]! }
    }
  }

  /// The figures of a query under `names`, or nil if the file lacks it.
  package func values(of query: String) -> [Double]? { index.place(of: query).map { values[index.order[$0]] } }
}

private struct QueryFiguresRow: JSONLinesRow {
  let query: String
  let figures: [(name: String, value: Double)]

  init(_ fields: RowFields) throws(RowDefect) {
    query = try fields.string("query")
    figures = try fields.numbers(besides: "query")
  }

  static let example = #"{"query": "q1", "ndcg@10": 0.5}"#

  var defect: String? { figures.isEmpty ? "the line has no figure" : nil }
}
