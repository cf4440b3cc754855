import Foundation

@testable import Tokenizers

/// The project's `Tests/Fixtures`.
let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .appendingPathComponent("Fixtures")

func fixture(_ name: String) -> String { fixtures.appendingPathComponent(name).path }

/// A JSON file of the fixtures.
func decoded<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
  try JSONDecoder().decode(Value.self, from: Data(contentsOf: fixtures.appendingPathComponent(name)))
}

/// Runs `body` with a folder that holds `files` (name → text) and `binaries` (name → bytes), deleted afterwards.
func withFolder<Result>(
  _ files: [String: String], binaries: [String: Data] = [:], _ body: (String) throws -> Result
) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("tokenizers-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  for (name, text) in files { try Data(text.utf8).write(to: folder.appendingPathComponent(name)) }
  for (name, bytes) in binaries { try bytes.write(to: folder.appendingPathComponent(name)) }
  return try body(folder.path)
}

/// A file of `tiny-pylate`, with `old` replaced by `new`.
func tinyPyLate(_ name: String, replacing old: String = "", by new: String = "") throws -> String {
  let text = try String(contentsOf: fixtures.appendingPathComponent("tiny-pylate/\(name)"), encoding: .utf8)
  if old.isEmpty { return text }
  precondition(text.contains(old), "\(name) does not contain \(old)")
  return text.replacingOccurrences(of: old, with: new)
}

/// The description of the error that `body` throws; empty if it throws none.
func problem(_ body: () throws -> some Any) -> String {
  do {
    _ = try body()
    return ""
  } catch {
    return "\(error)"
  }
}

/// A folder's tokenizer with its conventions, as model folders are read, and the notices.
func loadInputTokenizer(
  folder: String, style: ModelStyle = .colbert, queryMaxLength: Int? = nil, documentMaxLength: Int? = nil,
  maxPositions: Int
) throws -> (input: InputTokenizer, notices: [String]) {
  let tokenizer = try loadTokenizer(folder: folder)
  let (stated, notices) = try InputConventions.read(folder: folder, style: style, tokenizer: tokenizer)
  let (conventions, cuts) = try stated.limited(
    queryMaxLength: queryMaxLength, documentMaxLength: documentMaxLength, maxPositions: maxPositions, folder: folder)
  return (InputTokenizer(tokenizer: tokenizer, conventions: conventions), notices + cuts)
}
