import Foundation

/// A regular file that is read where and when bytes are asked for.
///
/// It is not mapped: a file that is cut short while it is mapped ends the process by a signal, without a word. Replacing it
/// by a rename changes nothing here.
final class DataFile: Sendable {
  let path: String
  private let descriptor: Int32

  /// Throws `MissingFileError` when nothing is at `path`, and `DataError` when it is no readable regular file.
  ///
  /// A pipe is refused before it is opened: opening one can wait for ever.
  init(path: String) throws {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { throw MissingFileError(path: path) }
      throw Self.unreadable(path, errno)
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw Self.unreadable(path, "it is a directory")
    default: throw Self.unreadable(path, "it is a pipe, a socket or a device")
    }
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.unreadable(path, errno) }
    self.path = path
  }

  deinit { close(descriptor) }

  /// `count` bytes from `offset` on; fewer where the file ends.
  func bytes(at offset: Int, count: Int) throws -> [UInt8] {
    try unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let read = unsafe pread(descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
        if read < 0 && errno == EINTR { continue }
        guard read >= 0 else { throw Self.unreadable(path, errno) }
        if read == 0 { return }
        filled += read
      }
    }
  }

  private static func unreadable(_ path: String, _ code: Int32) -> DataError {
    unsafe unreadable(path, String(cString: strerror(code)))
  }

  private static func unreadable(_ path: String, _ reason: String) -> DataError {
    DataError(
      path: path, reason: "the file cannot be read: \(reason)", advice: "Name a regular file that this user may read")
  }
}
