import Foundation

/// Says what is wrong with a line that `JSONDecoder` refused with `error`.
func describeJSONDefect(_ error: any Error, in line: Data) -> String {
  switch error {
  case DecodingError.keyNotFound(let key, let context):
    "the field \"\(name(context.codingPath + [key]))\" is missing"
  case DecodingError.valueNotFound(let type, let context):
    "\"\(name(context.codingPath))\" must be \(expected(type)), but it is null"
  case DecodingError.typeMismatch(_, let context) where context.codingPath.isEmpty:
    "the line must be a JSON object\(found(context))"
  case DecodingError.typeMismatch(let type, let context):
    "\"\(name(context.codingPath))\" must be \(expected(type))\(found(context))"
  default:
    "the line is not valid JSON: \(describeSyntaxError(in: line))"
  }
}

/// The path to a value as one writes it: `pos[3]`.
private func name(_ path: [any CodingKey]) -> String {
  path.reduce(into: "") { name, key in
    if let index = key.intValue {
      name += "[\(index)]"
    } else {
      name += name.isEmpty ? key.stringValue : ".\(key.stringValue)"
    }
  }
}

private func expected(_ type: any Any.Type) -> String {
  switch type {
  case is String.Type: "a string"
  case is Double.Type: "a number"
  default: "a list"
  }
}

/// What stood there instead, in the decoder's words.
private func found(_ context: DecodingError.Context) -> String {
  guard let but = context.debugDescription.range(of: "but found ") else { return "" }
  return ", but it is " + context.debugDescription[but.upperBound...].replacing(#/ instead\.$/#, with: "")
}

/// Where the JSON breaks. `JSONDecoder` does not say; `JSONSerialization` does, so it reads the line once more.
private func describeSyntaxError(in line: Data) -> String {
  do {
    _ = try JSONSerialization.jsonObject(with: line)
    return "it cannot be parsed"
  } catch {
    let description = (error as NSError).userInfo["NSDebugDescription"] as? String ?? error.localizedDescription
    guard let position = description.firstMatch(of: /around character (\d+)/).flatMap({ Int($0.output.1) }) else {
      return description.replacing(/\.$/, with: "")
    }
    let rest = String(decoding: line.dropFirst(position).prefix(12), as: UTF8.self)
    if rest.firstMatch(of: /^-?(NaN|Infinity)/) != nil {
      return "scores must be finite numbers, at byte \(position + 1)"
    }
    return "at byte \(position + 1) of the line, near \"\(rest)\""
  }
}
