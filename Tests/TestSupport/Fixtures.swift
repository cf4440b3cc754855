package import Foundation

/// A file or folder in `Tests/Fixtures`.
package func fixture(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/\(name)").path
}

/// A new folder for one test, removed by `remove`.
package struct TemporaryTestFolder {
  package let path: String

  package init() throws {
    path = "\(NSTemporaryDirectory())/colbert-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  /// Writes a file below the folder and gives its path.
  package func write(_ text: String, to name: String) throws -> String {
    let file = "\(path)/\(name)"
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    return file
  }

  package func remove() { try? FileManager.default.removeItem(atPath: path) }
}
