import Foundation

/// A line's bytes in its file, without the line's end, and its number from 1.
struct Line {
  let range: Range<Int>
  let number: Int
}

/// Gives the lines of a file that are not blank, one after the other, each known to be valid UTF-8.
///
/// A byte order mark at the file's start is skipped; lines end with `\n` or `\r\n`, the last one also with the file.
struct LineReader {
  private let file: MappedFile
  private var offset: Int
  private var number = 0

  init(_ file: MappedFile, at offset: Int = 0) {
    self.file = file
    self.offset = offset == 0 && file.bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : offset
  }

  /// The next line that is not blank, or `nil` at the file's end. Throws `DataError` on bytes that are not UTF-8.
  mutating func next() throws -> Line? {
    while offset < file.bytes.count {
      number += 1
      let line = Line(range: nextRange(), number: number)
      if isBlank(line.range) { continue }
      try checkEncoding(line)
      return line
    }
    return nil
  }

  /// The line from `offset` on without its end; moves `offset` behind that.
  private mutating func nextRange() -> Range<Int> {
    let bytes = file.bytes.span
    let start = offset
    var end = start
    while end < bytes.count && bytes[end] != .newline { end += 1 }
    offset = end + 1
    if end > start && bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    return start..<end
  }

  private func isBlank(_ range: Range<Int>) -> Bool {
    let bytes = file.bytes.span
    for index in range where bytes[index] != UInt8(ascii: " ") && bytes[index] != UInt8(ascii: "\t") { return false }
    return true
  }

  private func checkEncoding(_ line: Line) throws {
    do {
      _ = try UTF8Span(validating: file.bytes.span.extracting(line.range))
    } catch {
      let column = error.byteOffsets.lowerBound
      throw DataError(
        path: file.path, line: line.number,
        reason: "byte \(column + 1) of the line (offset \(line.range.lowerBound + column) in the file) is not UTF-8",
        advice: "Save the file as UTF-8 text, not compressed")
    }
  }
}
