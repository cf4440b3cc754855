import Foundation

/// Makes the folder `path` so that it has that name only once all in it is complete and on the disk.
///
/// `body` writes into the folder whose path it is given, which lies beside; it is synced with all folders in it, renamed,
/// and then the folder that holds it is synced. A folder that had the name is replaced. If anything fails, what was
/// written aside is removed. Files are to be written with `replaceFile`, `copyFile` and the writers of this module, which
/// sync them.
package func writeFolder(_ path: String, _ body: (String) throws -> Void) throws {
  var target = path
  while target.count > 1 && target.hasSuffix("/") { target.removeLast() }
  let aside = "\(target).colbert-partial"
  do {
    try FileSystem.removeTree(aside)
    try FileSystem.makeFolder(aside)
    try body(aside)
    try syncFolders(aside)
    try FileSystem.removeTree(target)
    try FileSystem.rename(aside, to: target)
  } catch {
    try? FileSystem.removeTree(aside)
    throw error
  }
  try FileSystem.syncFolder(FileSystem.folder(of: target))
}

/// Makes the folder `path` and those above it, each on the disk when this returns.
package func makeFolder(_ path: String) throws { try FileSystem.makeFolder(path) }

/// Copies the file `source` to `target`, which is complete and on the disk on return; false if there is no such file.
@discardableResult
package func copyFile(_ source: String, to target: String) throws -> Bool {
  guard try FileSystem.exists(source) else { return false }
  try joinFiles([source], to: target)
  return true
}

/// Makes `target` of what the files `sources` hold, one after the other; it is complete and on the disk on return.
package func joinFiles(_ sources: [String], to target: String) throws {
  var block = [UInt8](repeating: 0, count: 1 << 20)
  try writeFile(target) { output in
    for source in sources {
      let descriptor = try FileSystem.open(source, O_RDONLY, to: "open")
      defer { close(descriptor) }
      while true {
        let count = try FileSystem.read(into: &block, from: descriptor, path: source)
        if count == 0 { break }
        try unsafe output.append(block.span.extracting(0..<count).bytes)
      }
    }
  }
}

/// Syncs a folder and those in it, the inner ones first.
private func syncFolders(_ path: String) throws {
  for name in try FileSystem.names(in: path) where FileSystem.isFolder("\(path)/\(name)") {
    try syncFolders("\(path)/\(name)")
  }
  try FileSystem.syncFolder(path)
}
