import Checkpoints
import Foundation
import Tokenizers

/// The text of a JSON object some of whose members are replaced; all else stays byte for byte.
///
/// Foundation would write a vocabulary back in another order, and without one of two canonically equivalent tokens.
struct JSONText {
  private(set) var bytes: [UInt8]
  private let path: String

  /// The text of the file `path`; one that holds no JSON object is a `ModelFileError`.
  init(path: String) throws {
    self.path = path
    do {
      bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      throw ModelFileError(path: path, problem: "cannot be read: \(error.localizedDescription)")
    }
    guard String(validating: bytes, as: UTF8.self) != nil, case .object? = try? JSONParser.parse(bytes) else {
      throw ModelFileError(path: path, problem: "is no JSON object")
    }
  }

  /// The text of one line that is a valid JSON object; it stays one line.
  init(line: [UInt8]) {
    path = ""
    bytes = line
  }

  /// An object without members, for a file that is not there yet.
  init() {
    path = ""
    bytes = Array("{}\n".utf8)
  }

  /// The text of a member of the object itself; nil if it has none of that name.
  func text(of key: String) -> String? { range(of: key).map { String(decoding: bytes[$0], as: UTF8.self) } }

  /// What a member holds, as Foundation reads it.
  func value(of key: String) -> Any? {
    text(of: key).flatMap { try? JSONSerialization.jsonObject(with: Data($0.utf8), options: .fragmentsAllowed) }
  }

  /// Gives a member another value, or adds it.
  mutating func set(_ key: String, to value: Any) throws {
    set(
      key,
      toText: Array(
        try JSONSerialization.data(
          withJSONObject: value, options: [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes])))
  }

  /// The same, the value as JSON.
  mutating func set(_ key: String, toText text: [UInt8]) {
    if let range = range(of: key) {
      bytes.replaceSubrange(range, with: text)
    } else {
      let start = bytes.firstIndex(of: UInt8(ascii: "{"))! + 1
      let isEmpty = bytes[skippingSpace(from: start)] == UInt8(ascii: "}")
      let member = Array("\"\(key)\": ".utf8) + text
      if bytes.contains(UInt8(ascii: "\n")) {
        bytes.insert(contentsOf: Array("\n  ".utf8) + member + Array((isEmpty ? "\n" : ",").utf8), at: start)
      } else {
        bytes.insert(
          contentsOf: Array((isEmpty ? "" : ", ").utf8) + member, at: bytes.lastIndex(of: UInt8(ascii: "}"))!)
      }
    }
  }

  /// Where a member's value is. The text is valid JSON, so nothing can be missing.
  private func range(of key: String) -> Range<Int>? {
    var place = skippingSpace(from: bytes.firstIndex(of: UInt8(ascii: "{"))! + 1)
    while bytes[place] != UInt8(ascii: "}") {
      let afterName = end(from: place)
      let isWanted = bytes[place..<afterName].elementsEqual("\"\(key)\"".utf8)
      let colon = skippingSpace(from: afterName)
      let value = skippingSpace(from: colon + 1)
      let afterValue = end(from: value)
      if isWanted { return value..<afterValue }
      place = skippingSpace(from: afterValue)
      if bytes[place] == UInt8(ascii: ",") { place = skippingSpace(from: place + 1) }
    }
    return nil
  }

  /// The end of the value that begins at `start`.
  private func end(from start: Int) -> Int {
    var place = start
    var depth = 0
    repeat {
      switch bytes[place] {
      case UInt8(ascii: "\""):
        place += 1
        while bytes[place] != UInt8(ascii: "\"") { place += bytes[place] == UInt8(ascii: "\\") ? 2 : 1 }
      case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default:
        // A number or a word goes on to what ends it.
        if depth == 0 {
          while !Self.enders.contains(bytes[place + 1]) { place += 1 }
        }
      }
      place += 1
    } while depth > 0
    return place
  }

  private static let enders: Set<UInt8> = Set(",}] \t\r\n".utf8)

  private func skippingSpace(from start: Int) -> Int {
    bytes[start...].firstIndex { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }!
  }
}
