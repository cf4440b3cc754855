import Foundation

/// The folder of a model in Hugging Face's layout, as far as text is concerned.
struct ModelFolder {
  let path: String

  var exists: Bool {
    var isFolder = ObjCBool(false)
    return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  func path(of name: String) -> String { path.hasSuffix("/") ? path + name : path + "/" + name }

  func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(of: name)) }

  func bytes(_ name: String) throws(TokenizerError) -> [UInt8] {
    do {
      return try [UInt8](Data(contentsOf: URL(fileURLWithPath: path(of: name))))
    } catch {
      throw TokenizerError(file: path(of: name), problem: "cannot be read: \(error.localizedDescription)")
    }
  }

  /// The bytes of a file, which are valid UTF-8.
  func utf8(_ name: String) throws(TokenizerError) -> [UInt8] {
    let file = path(of: name)
    let bytes = try bytes(name)
    guard String(validating: bytes, as: UTF8.self) != nil else {
      let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      let line = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil }.map { $0 + 1 }
      throw TokenizerError(file: file, line: line, problem: "not UTF-8; was the file damaged or converted on its way?")
    }
    return bytes
  }

  /// The object that a JSON file holds; nil if there is no such file.
  func json(_ name: String) throws(TokenizerError) -> JSONObject? {
    guard has(name) else { return nil }
    let (file, bytes) = (path(of: name), try utf8(name))
    let value: JSONValue
    do {
      value = try JSONParser.parse(bytes)
    } catch {
      let line = 1 + bytes[..<error.offset].count { $0 == UInt8(ascii: "\n") }
      throw TokenizerError(file: file, line: line, problem: "not valid JSON: \(error.problem)")
    }
    guard case .object(let members) = value else {
      throw TokenizerError(file: file, problem: "does not hold a JSON object")
    }
    return JSONObject(file: file, path: "", members: members)
  }
}
