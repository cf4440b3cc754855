import Foundation

/// A row of a JSON Lines file: how it is decoded, and what may be wrong with it though it decodes.
protocol JSONLinesRow: Decodable, Sendable {
  /// A well-formed line, shown to whoever wrote another one.
  static var example: String { get }

  /// What makes a decoded row useless, or `nil`.
  var defect: String? { get }
}

/// The rows of a JSON Lines file, checked completely when it is opened and parsed again whenever one is asked for.
///
/// In memory it keeps eight bytes a row; the text stays in the mapped file.
struct JSONLinesFile<Row: JSONLinesRow>: Sendable {
  private let file: MappedFile
  /// The byte at which each row's line starts.
  private var starts: [Int] = []

  /// Reads and checks every row, and hands each to `visit`.
  ///
  /// Throws `DataError` at the first defect, also when there is no row, and `MissingFileError`.
  init(path: String, visit: (Row) throws -> Void = { _ in }) throws {
    file = try MappedFile(path: path)
    let decoder = JSONDecoder()
    var lines = LineReader(file)
    while let line = try lines.next() {
      let row = try Self.decode(line, of: file, with: decoder)
      if let defect = row.defect { throw Self.error(file, line.number, defect) }
      try visit(row)
      starts.append(line.range.lowerBound)
    }
    if starts.isEmpty {
      throw DataError(path: path, reason: "the file holds no row", advice: "Fill it with lines like \(Row.example)")
    }
  }

  var count: Int { starts.count }

  /// Row `index`, parsed anew. Throws `DataError` when the line is not what it was when the file was opened.
  func row(_ index: Int) throws -> Row {
    var lines = LineReader(file, at: starts[index])
    guard let line = try? lines.next(), let row = try? Self.decode(line, of: file, with: JSONDecoder()) else {
      throw error(
        atRow: index, reason: "the line has changed since the file was opened",
        advice: "Leave data files alone while a run reads them")
    }
    return row
  }

  /// The number of row `index`'s line, from 1. Counts lines: for messages only.
  func lineNumber(ofRow index: Int) -> Int { file.lineNumber(at: starts[index]) }

  /// An error about row `index` that names its file and line.
  func error(atRow index: Int, reason: String, advice: String) -> DataError {
    DataError(path: file.path, line: lineNumber(ofRow: index), reason: reason, advice: advice)
  }

  /// Numbers the rows anew: row `i` becomes what row `order[i]` was.
  mutating func reorder(by order: [Int]) {
    precondition(order.count == count, "an order of \(order.count) for \(count) rows")
    starts = order.map { starts[$0] }
  }

  private static func decode(_ line: Line, of file: MappedFile, with decoder: JSONDecoder) throws -> Row {
    let bytes = file.bytes[line.range]
    do {
      return try decoder.decode(Row.self, from: bytes)
    } catch {
      throw Self.error(file, line.number, describeJSONDefect(error, in: bytes))
    }
  }

  private static func error(_ file: MappedFile, _ line: Int, _ reason: String) -> DataError {
    DataError(
      path: file.path, line: line, reason: reason, advice: "Mend or remove the line; a good one: \(Row.example)")
  }
}
