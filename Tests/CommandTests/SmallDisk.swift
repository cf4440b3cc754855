import Foundation

/// A file system of a few kilobytes, mounted for one test: a disk that is really full.
final class SmallDisk {
  private let path: String

  /// Mounts it at the folder `path`, which it makes; nil if this process may not.
  init?(at path: String, kilobytes: Int, isReadOnly: Bool = false) {
    self.path = path
    mkdir(path, 0o755)
    let flags = isReadOnly ? UInt(MS_RDONLY) : 0
    guard mount("tmpfs", path, "tmpfs", flags, "size=\(kilobytes)k") == 0 else { return nil }
  }

  deinit { umount2(path, Int32(MNT_DETACH)) }

  func resize(kilobytes: Int) -> Bool {
    mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT), "size=\(kilobytes)k") == 0
  }

  /// Whether this process may mount one; that takes root.
  static let isAvailable: Bool = {
    guard let folder = try? TemporaryFolder() else { return false }
    return SmallDisk(at: "\(folder.path)/disk", kilobytes: 64) != nil
  }()
}
