import Foundation

/// A file's bytes, read-only in memory; all processes of a machine that map it share them.
///
/// Safe to share between threads: nobody writes. The bytes are gone when the last reference is.
@safe final class MappedFile: @unchecked Sendable {
  let path: String
  private let bytes: UnsafeRawBufferPointer

  /// Maps all of `path`; a file that cannot be read is a `ModelFileError`.
  init(_ path: String) throws {
    self.path = path
    func failure(_ doing: String) -> ModelFileError {
      unsafe ModelFileError(path: path, problem: "cannot \(doing): \(String(cString: strerror(errno)))")
    }
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("open") }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw failure("look at it") }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ModelFileError(path: path, problem: "expected a file, found a folder or a device")
    }
    guard status.st_size > 0 else {
      unsafe bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let address = unsafe mmap(nil, Int(status.st_size), PROT_READ, MAP_SHARED, descriptor, 0)
    guard let address = unsafe address, unsafe address != MAP_FAILED else { throw failure("map it") }
    unsafe bytes = UnsafeRawBufferPointer(start: address, count: Int(status.st_size))
  }

  deinit {
    guard let address = unsafe bytes.baseAddress else { return }
    unsafe munmap(UnsafeMutableRawPointer(mutating: address), bytes.count)
  }

  var count: Int { unsafe bytes.count }

  /// Lends the bytes; they are sure to be there only until `body` returns.
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
    defer { withExtendedLifetime(self) {} }
    return try unsafe body(bytes)
  }
}
