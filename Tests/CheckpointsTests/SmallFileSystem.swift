import Foundation

/// A file system of a few hundred kilobytes, mounted for one test: a disk that is really full.
final class SmallFileSystem {
  let path: String
  private let folder = TemporaryFolder()

  init?(kilobytes: Int) {
    path = folder.path + "/small"
    mkdir(path, 0o755)
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(kilobytes)k") == 0 else { return nil }
  }

  deinit { umount2(path, Int32(MNT_DETACH)) }

  /// Whether this process may mount one; that takes root.
  static let isAvailable = SmallFileSystem(kilobytes: 64) != nil
}
