import Foundation

/// A line of a file.
struct Line {
  /// Without the line's end.
  let bytes: [UInt8]
  /// Its first byte's place in the file.
  let offset: Int
  /// From 1.
  let number: Int
}

/// Gives the lines of a file that are not blank, one after the other, each known to be valid UTF-8.
///
/// A byte order mark at the file's start is skipped; lines end with `\n` or `\r\n`, the last one also with the file.
struct LineReader {
  private let file: DataFile
  /// The file's bytes from `bufferOffset` on, as far as they were read.
  private var buffer: [UInt8] = []
  private var bufferOffset = 0
  /// Where in the buffer the next line starts.
  private var position = 0
  private var number = 0

  private static let blockSize = 1 << 20

  init(_ file: DataFile) throws {
    self.file = file
    _ = try readMore()
    if buffer.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  /// Behind the last line that was given, blank lines after it included.
  var offset: Int { bufferOffset + position }

  /// The next line that is not blank, or `nil` at the file's end. Throws `DataError` on bytes that are not UTF-8.
  mutating func next() throws -> Line? {
    while let line = try nextOfAnyKind() {
      if line.bytes.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) { continue }
      try checkEncoding(line)
      return line
    }
    return nil
  }

  private mutating func nextOfAnyKind() throws -> Line? {
    var searched = position
    while true {
      if let end = buffer.firstNewline(from: searched) { return takeLine(end: end, next: end + 1) }
      searched = buffer.count - position
      guard try readMore() else { break }
    }
    return position < buffer.count ? takeLine(end: buffer.count, next: buffer.count) : nil
  }

  private mutating func takeLine(end: Int, next: Int) -> Line {
    number += 1
    let line = Line(bytes: buffer[position..<end].withoutCarriageReturn, offset: offset, number: number)
    position = next
    return line
  }

  /// Forgets the lines that were given and reads a block behind the rest. Gives whether there was more to read.
  private mutating func readMore() throws -> Bool {
    buffer.removeFirst(position)
    bufferOffset += position
    position = 0
    // A line longer than a block is read in blocks as long as what was read of it: it is not copied over and over.
    let block = try file.bytes(at: bufferOffset + buffer.count, count: max(Self.blockSize, buffer.count))
    buffer += block
    return !block.isEmpty
  }

  private func checkEncoding(_ line: Line) throws {
    do {
      _ = try UTF8Span(validating: line.bytes.span)
    } catch {
      let column = error.byteOffsets.lowerBound
      throw DataError(
        path: file.path, line: line.number,
        reason: "byte \(column + 1) of the line (offset \(line.offset + column) in the file) is not UTF-8",
        advice: "Save the file as UTF-8 text, not compressed")
    }
  }
}

extension ArraySlice<UInt8> {
  /// A line's bytes without the `\r` of a `\r\n`.
  var withoutCarriageReturn: [UInt8] { Array(last == UInt8(ascii: "\r") ? dropLast() : self) }
}

extension [UInt8] {
  /// Where the first `\n` is, from `start` on.
  func firstNewline(from start: Int = 0) -> Int? {
    unsafe withUnsafeBytes { bytes in
      guard start < bytes.count else { return nil }
      let found = unsafe memchr(bytes.baseAddress! + start, Int32(UInt8(ascii: "\n")), bytes.count - start)
      return unsafe found.map { unsafe UnsafeRawPointer($0) - bytes.baseAddress! }
    }
  }
}
