import Foundation

/// What files that several processes use are made with.
extension FileSystem {
  /// Writes all of `bytes` where `descriptor` stands.
  package static func append(_ bytes: ArraySlice<UInt8>, to descriptor: Int32, path: String) throws {
    try unsafe bytes.withUnsafeBytes { try unsafe write($0, to: descriptor, path: path) }
  }

  /// Empties an open file, which is then written from its start.
  package static func empty(_ descriptor: Int32, path: String) throws {
    _ = try retried("empty", path) { Int(ftruncate(descriptor, 0)) }
    _ = try retried("empty", path) { Int(lseek(descriptor, 0, SEEK_SET)) }
  }

  /// Makes `path` a symbolic link that leads to `target`, replacing what had the name, at once.
  package static func link(_ path: String, to target: String) throws {
    let aside = "\(path).\(getpid()).partial"
    try remove(aside)
    _ = try retried("make the link", aside) { unsafe Int(symlink(target, aside)) }
    try rename(aside, to: path)
  }

  /// Where the link `path` leads to, as it is written there; nil if there is no such link.
  package static func target(ofLink path: String) -> String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: path)
  }
}

/// A file that one process at a time holds; a process that ends, however it ends, lets go of it.
package final class FileLock {
  private let descriptor: Int32

  /// Takes the lock file `path`, and makes it if it is not there.
  ///
  /// - Parameter onWait: called once if another holds it, before this waits.
  package init(_ path: String, onWait: () -> Void) throws {
    descriptor = try FileSystem.open(path, O_RDWR | O_CREAT, to: "open")
    if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return }
    if errno == EWOULDBLOCK { onWait() }
    do {
      _ = try FileSystem.retried("lock", path) { Int(flock(descriptor, LOCK_EX)) }
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }
}
