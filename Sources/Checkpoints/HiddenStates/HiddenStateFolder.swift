import Foundation

/// One set of hidden states inside a cache's folder, as a person sees it.
package struct HiddenStateFolder: Sendable {
  package let path: String
  /// What its `about.txt` says: the model, its layers, the precision.
  package let about: String
  package let fileCount: Int
  package let bytes: Int

  static let about = "about.txt"
  static let suffix = ".states"
  private static let prefix = "states-"

  /// The name of the folder of these states inside a cache's folder.
  package static func name(_ format: HiddenStateFormat) -> String {
    prefix + hexadecimal(format.identity).prefix(16)
  }

  /// All sets inside `cache`.
  package static func all(in cache: String) throws -> [HiddenStateFolder] {
    try FileSystem.names(in: cache).filter { $0.hasPrefix(prefix) }.map { name in
      let path = "\(cache)/\(name)"
      let files = try FileSystem.names(in: path).filter { $0.hasSuffix(suffix) }
      let about = try? String(contentsOfFile: "\(path)/\(about)", encoding: .utf8)
      return HiddenStateFolder(
        path: path, about: about?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown",
        fileCount: files.count, bytes: try files.reduce(0) { try $0 + (FileSystem.size(of: "\(path)/\($1)") ?? 0) })
    }
  }

  /// The set that is `path`, or all inside it.
  package static func named(_ path: String) throws -> [HiddenStateFolder] {
    let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    let own = try all(in: FileSystem.folder(of: path)).filter { $0.path == path || $0.path == "./\(path)" }
    return own.isEmpty ? try all(in: path) : own
  }

  /// Removes the set. A run that reads it goes on: its files are gone when it ends.
  package func remove() throws { try FileSystem.removeTree(path) }
}

/// Bytes that a file in the folder `path`, or in the nearest above it that is there, may still take.
package func freeBytes(at path: String) throws -> Int {
  var folder = path
  while try !FileSystem.exists(folder), folder != "/", folder != "." { folder = FileSystem.folder(of: folder) }
  return try FileSystem.freeBytes(at: folder)
}
