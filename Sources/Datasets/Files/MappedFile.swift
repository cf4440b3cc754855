import Foundation

/// The bytes of a regular file, mapped: read by the kernel when they are touched, never copied as a whole.
///
/// The file must not be cut short in place while it is mapped (replacing it by a rename is harmless).
struct MappedFile: Sendable {
  let path: String
  let bytes: Data

  /// Throws `MissingFileError` when nothing is at `path`, and `DataError` when it is no readable regular file.
  ///
  /// A pipe is refused before it is opened: opening one can wait for ever.
  init(path: String) throws {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { throw MissingFileError(path: path) }
      throw Self.unreadable(path, unsafe String(cString: strerror(errno)))
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw Self.unreadable(path, "it is a directory")
    default: throw Self.unreadable(path, "it is a pipe, a socket or a device")
    }
    do {
      bytes = try Data(contentsOf: URL(filePath: path), options: .alwaysMapped)
    } catch {
      throw Self.unreadable(path, error.localizedDescription.replacing(/\.$/, with: ""))
    }
    self.path = path
  }

  /// The number of the line that holds byte `offset`, from 1. Counts from the file's start: for messages only.
  func lineNumber(at offset: Int) -> Int {
    let bytes = bytes.span
    var number = 1
    for index in 0..<offset where bytes[index] == .newline { number += 1 }
    return number
  }

  private static func unreadable(_ path: String, _ reason: String) -> DataError {
    DataError(
      path: path, reason: "the file cannot be read: \(reason)", advice: "Name a regular file that this user may read")
  }
}

extension UInt8 {
  static let newline = UInt8(ascii: "\n")
}
