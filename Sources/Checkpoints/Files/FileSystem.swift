import Foundation

/// The few file operations that a commit is made of; each throws `FileSystemError`.
///
/// They are the system's own calls because Foundation neither syncs a folder nor says why a write failed.
package enum FileSystem {
  /// Whether something of that name is there. Not to be allowed to look is an error: what is not seen may be there.
  package static func exists(_ path: String) throws -> Bool { try size(of: path) != nil }

  /// The bytes of the file `path`, or nil if there is no such file.
  package static func size(of path: String) throws -> Int? {
    var status = stat()
    if unsafe stat(path, &status) == 0 { return Int(status.st_size) }
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw FileSystemError(operation: "look at", path: path, code: errno)
  }

  /// Opens `path`, to be closed by the caller.
  package static func open(_ path: String, _ flags: Int32, to operation: String) throws -> Int32 {
    let descriptor = try retried(operation, path) { unsafe Foundation.open(path, flags | O_CLOEXEC, 0o644) }
    return Int32(descriptor)
  }

  /// Writes all of `bytes`.
  static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String) throws {
    var written = 0
    while written < bytes.count {
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
      written += try retried("write", path) { unsafe Foundation.write(descriptor, rest.baseAddress, rest.count) }
    }
  }

  /// Reads as many bytes as there are, at most all of `bytes`; gives their number, 0 at the file's end.
  package static func read(into bytes: inout [UInt8], from descriptor: Int32, path: String) throws -> Int {
    try unsafe bytes.withUnsafeMutableBytes { buffer in
      try retried("read", path) { unsafe Foundation.read(descriptor, buffer.baseAddress, buffer.count) }
    }
  }

  /// Writes all of `bytes` at `offset`.
  static func write(_ bytes: UnsafeRawBufferPointer, at offset: Int, to descriptor: Int32, path: String) throws {
    var written = 0
    while written < bytes.count {
      let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
      written += try retried("write", path) {
        unsafe pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + written))
      }
    }
  }

  /// Fills `bytes` from `offset` on; false if the file ends too early.
  static func read(
    into bytes: UnsafeMutableRawBufferPointer, at offset: Int, from descriptor: Int32, path: String
  ) throws -> Bool {
    var count = 0
    while count < bytes.count {
      let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[count...])
      let read = try retried("read", path) {
        unsafe pread(descriptor, rest.baseAddress, rest.count, off_t(offset + count))
      }
      if read == 0 { return false }
      count += read
    }
    return true
  }

  /// The bytes of an open file.
  static func size(of descriptor: Int32, path: String) throws -> Int {
    var status = stat()
    _ = try retried("look at", path) { unsafe Int(fstat(descriptor, &status)) }
    return Int(status.st_size)
  }

  /// Bytes that files in the folder `path` may still take.
  package static func freeBytes(at path: String) throws -> Int {
    var status = statvfs()
    _ = try retried("look at", path) { unsafe Int(statvfs(path, &status)) }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }

  /// Returns when what was written to `descriptor` is on the disk.
  package static func sync(_ descriptor: Int32, path: String) throws {
    _ = try retried("sync", path) { Int(fsync(descriptor)) }
  }

  /// Returns when the names inside the folder `path` are on the disk.
  package static func syncFolder(_ path: String) throws {
    let descriptor = try open(path, O_RDONLY | O_DIRECTORY, to: "open the folder")
    defer { close(descriptor) }
    do {
      try sync(descriptor, path: path)
    } catch let error as FileSystemError where error.code == EINVAL {
      // So says a file system that syncs no folders; its names are as safe as it makes them.
    }
  }

  /// Gives the file `old` the name `new`, replacing what had it, at once.
  package static func rename(_ old: String, to new: String) throws {
    _ = try retried("rename \(old) to", new) { unsafe Int(Foundation.rename(old, new)) }
  }

  /// Removes the file `path`; a file that is not there is fine.
  package static func remove(_ path: String) throws {
    guard unsafe unlink(path) != 0, errno != ENOENT else { return }
    throw FileSystemError(operation: "remove", path: path, code: errno)
  }

  /// Removes the folder `path` and all in it, but nothing that a link in it leads to; a folder that is not there is fine.
  static func removeTree(_ path: String) throws {
    guard isFolder(path) else { return try remove(path) }
    for name in try names(in: path) { try removeTree("\(path)/\(name)") }
    guard unsafe rmdir(path) != 0, errno != ENOENT else { return }
    throw FileSystemError(operation: "remove the folder", path: path, code: errno)
  }

  /// Makes the folder `path` and those above it, each on the disk when this returns.
  package static func makeFolder(_ path: String) throws {
    if isFolder(path) || path.isEmpty { return }
    let parent = folder(of: path)
    try makeFolder(parent)
    guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw FileSystemError(operation: "make the folder", path: path, code: errno)
    }
    try syncFolder(parent)
  }

  /// The names inside the folder `path`, sorted; none if there is no such folder.
  static func names(in path: String) throws -> [String] {
    guard let folder = unsafe opendir(path) else {
      if errno == ENOENT { return [] }
      throw FileSystemError(operation: "list", path: path, code: errno)
    }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    errno = 0  // readdir says only by errno whether it came to the end
    while let entry = unsafe readdir(folder) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
      errno = 0
    }
    guard errno == 0 else { throw FileSystemError(operation: "list", path: path, code: errno) }
    return names.sorted()
  }

  /// The folder that holds `path`: "." for a bare name.
  package static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Whether `path` itself, not what a link of that name leads to, is a folder.
  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Repeats a system call that a signal interrupted, and throws what it says if it fails.
  static func retried(_ operation: String, _ path: String, _ call: () -> some BinaryInteger) throws -> Int {
    while true {
      let result = Int(call())
      if result >= 0 { return result }
      if errno != EINTR { throw FileSystemError(operation: operation, path: path, code: errno) }
    }
  }
}
