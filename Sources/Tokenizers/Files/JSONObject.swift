/// One object of a JSON file. What is not as expected becomes an error that names the file and the key.
struct JSONObject {
  let file: String
  /// Where in the file, for messages: `model.`; empty for the whole.
  let path: String
  let members: [(key: String, value: JSONValue)]

  /// A member; nil if it is absent or null.
  subscript(key: String) -> JSONValue? {
    guard let value = members.last(where: { $0.key == key })?.value else { return nil }
    if case .null = value { return nil }
    return value
  }

  func string(_ key: String) throws(TokenizerError) -> String? {
    guard let value = self[key] else { return nil }
    guard case .string(let text) = value else { throw failure("\(path)\(key) should be a string") }
    return text
  }

  func bool(_ key: String) throws(TokenizerError) -> Bool? {
    guard let value = self[key] else { return nil }
    guard case .bool(let flag) = value else { throw failure("\(path)\(key) should be true or false") }
    return flag
  }

  /// A whole number from 0 to the largest `Int32`.
  func count(_ key: String) throws(TokenizerError) -> Int? {
    guard let value = self[key] else { return nil }
    guard let count = Self.count(value) else { throw failure("\(path)\(key) should be a whole number from 0") }
    return count
  }

  func object(_ key: String) throws(TokenizerError) -> JSONObject? {
    guard let value = self[key] else { return nil }
    return try object(value, at: key)
  }

  func array(_ key: String) throws(TokenizerError) -> [JSONValue]? {
    guard let value = self[key] else { return nil }
    guard case .array(let elements) = value else { throw failure("\(path)\(key) should be an array") }
    return elements
  }

  /// The objects of an array of objects.
  func objects(_ key: String) throws(TokenizerError) -> [JSONObject]? {
    guard let elements = try array(key) else { return nil }
    var objects: [JSONObject] = []
    for (index, element) in elements.enumerated() { objects.append(try object(element, at: "\(key)[\(index)]")) }
    return objects
  }

  /// `value`, a part of this object at `place`, as an object.
  func object(_ value: JSONValue, at place: String) throws(TokenizerError) -> JSONObject {
    guard case .object(let members) = value else { throw failure("\(path)\(place) should be an object") }
    return JSONObject(file: file, path: "\(path)\(place).", members: members)
  }

  /// `read`, a member that must be there.
  func required<Value>(_ key: String, _ read: Value?) throws(TokenizerError) -> Value {
    guard let read else { throw failure("\(path)\(key) is missing") }
    return read
  }

  func failure(_ problem: String) -> TokenizerError { TokenizerError(file: file, problem: problem) }

  /// A whole number from 0 to the largest `Int32`; nil if `value` is anything else.
  static func count(_ value: JSONValue) -> Int? {
    guard case .number(let number) = value, number >= 0, number <= Double(Int32.max) else { return nil }
    return Int(exactly: number)
  }
}
