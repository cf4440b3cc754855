/// A row of a JSON Lines file: which fields it has, and what may be wrong with them beside their types.
protocol JSONLinesRow: Sendable {
  /// A well-formed line, shown to whoever wrote another one.
  static var example: String { get }

  /// Takes its fields; throws when one is missing or of another type.
  init(_ fields: RowFields) throws(RowDefect)

  /// What makes a row useless though it has its fields, or `nil`.
  var defect: String? { get }
}

/// The rows of a JSON Lines file, checked completely when it is opened, and read and parsed again whenever one is asked for.
///
/// In memory it keeps twelve bytes a row; the text stays in the file.
struct JSONLinesFile<Row: JSONLinesRow>: Sendable {
  private let file: DataFile
  /// The byte at which each row's line starts; one more for where the last one's ends.
  private var starts: [Int] = []
  /// Of each row's line, so that a file that is changed while it is used does not pass for what it was.
  private var fingerprints: [UInt32] = []
  /// How many blank lines there are before a row, for the rows where that grows.
  private var blankLines: [(row: Int, count: Int)] = []

  /// Reads and checks every row, and hands each to `visit`.
  ///
  /// Throws `DataError` at the first defect, also when there is no row, and `MissingFileError`.
  init(path: String, visit: (Row) throws -> Void = { _ in }) throws {
    file = try DataFile(path: path)
    var lines = try LineReader(file)
    var end = 0
    while let line = try lines.next() {
      let row = try Self.parse(line, of: file)
      if let defect = row.defect { throw Self.error(file, line.number, defect) }
      try visit(row)
      note(line)
      end = lines.offset
    }
    if count == 0 {
      throw DataError(path: path, reason: "the file holds no row", advice: "Fill it with lines like \(Row.example)")
    }
    starts.append(end)
  }

  var count: Int { fingerprints.count }
  var path: String { file.path }

  /// Row `index`, read and parsed anew. Throws `DataError` when the line is not what it was when the file was opened.
  func row(_ index: Int) throws -> Row {
    try Self.parse(Line(bytes: line(index), offset: starts[index], number: lineNumber(ofRow: index)), of: file)
  }

  /// The bytes of row `index`'s line, without its end. Throws `DataError` as `row` does.
  func line(_ index: Int) throws -> [UInt8] {
    let bytes = try file.bytes(at: starts[index], count: starts[index + 1] - starts[index])
    let line = bytes[..<(bytes.firstNewline() ?? bytes.count)].withoutCarriageReturn
    guard Self.fingerprint(line) == fingerprints[index] else {
      throw error(
        atRow: index, reason: "the file changed while it was read",
        advice: "Leave data files alone while a run reads them")
    }
    return line
  }

  /// The number of row `index`'s line, from 1.
  func lineNumber(ofRow index: Int) -> Int { index + 1 + (blankLines.last { $0.row <= index }?.count ?? 0) }

  /// `FILE:line` of row `index`.
  func location(ofRow index: Int) -> String { "\(file.path):\(lineNumber(ofRow: index))" }

  /// An error about row `index` that names its file and line.
  func error(atRow index: Int, reason: String, advice: String) -> DataError {
    DataError(path: file.path, line: lineNumber(ofRow: index), reason: reason, advice: advice)
  }

  private mutating func note(_ line: Line) {
    let blank = line.number - count - 1
    if blank > blankLines.last?.count ?? 0 { blankLines.append((count, blank)) }
    starts.append(line.offset)
    fingerprints.append(Self.fingerprint(line.bytes))
  }

  /// Good for this process alone.
  private static func fingerprint(_ bytes: [UInt8]) -> UInt32 {
    var hasher = Hasher()
    unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    return UInt32(truncatingIfNeeded: hasher.finalize())
  }

  private static func parse(_ line: Line, of file: DataFile) throws -> Row {
    do {
      return try Row(RowFields(line.bytes))
    } catch {
      throw Self.error(file, line.number, error.reason)
    }
  }

  private static func error(_ file: DataFile, _ line: Int, _ reason: String) -> DataError {
    DataError(
      path: file.path, line: line, reason: reason, advice: "Mend or remove the line; a good one: \(Row.example)")
  }
}
