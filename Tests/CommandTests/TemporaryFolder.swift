import Foundation
import Testing

/// A folder that is gone with this object.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("colbert-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  /// A copy of `other`.
  init(copyOf other: TemporaryFolder) throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("colbert-\(UUID().uuidString)").path
    try FileManager.default.copyItem(atPath: other.path, toPath: path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, in a subfolder if its name says so, and gives its path.
  @discardableResult
  func write(_ text: String, to name: String) throws -> String { try write(Data(text.utf8), to: name) }

  @discardableResult
  func write(_ bytes: Data, to name: String) throws -> String {
    let file = URL(fileURLWithPath: "\(path)/\(name)")
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try bytes.write(to: file)
    return file.path
  }

  /// Copies a file or folder to `name`.
  func copy(_ source: String, to name: String) throws {
    try FileManager.default.copyItem(atPath: source, toPath: "\(path)/\(name)")
  }

  func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: "\(path)/\(name)") }

  func bytes(of name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")) }

  /// Whether two files hold the same bytes. An expectation that compared the bytes themselves would, when it fails,
  /// look for their smallest difference, for hours.
  func isSame(_ name: String, as other: String) throws -> Bool { try bytes(of: name) == bytes(of: other) }

  func text(of name: String) throws -> String { String(decoding: try bytes(of: name), as: UTF8.self) }

  func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }

  /// The names in the folder `name`, sorted.
  func names(in name: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(name)")) ?? []).sorted()
  }

  /// An empty file, opened for writing.
  func open(_ name: String) throws -> FileHandle {
    try FileHandle(forWritingTo: URL(fileURLWithPath: try write("", to: name)))
  }

  /// The 64-bit integers of a tensor in a safetensors file: the header's length, the header, the data.
  func integers(_ name: String, in file: String) throws -> [Int] {
    let bytes = try bytes(of: file)
    let header = 8 + bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let entries = try JSONSerialization.jsonObject(with: bytes[8..<header]) as? [String: [String: Any]]
    let entry = try #require(entries?[name])
    #expect(entry["dtype"] as? String == "I64")
    let offsets = try #require(entry["data_offsets"] as? [Int])
    return stride(from: header + offsets[0], to: header + offsets[1], by: 8).map { start in
      bytes[start..<start + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
  }
}
