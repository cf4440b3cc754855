/// Writes the safetensors file `path`: F32 and I64 tensors, streamed.
///
/// The bytes depend on the content alone, not on the order of `tensors`: wider types lie first, so that all are aligned,
/// then names decide, as in the reference implementation. The file appears complete or not at all, and is on the disk on
/// return; a `FileSystemError` says what failed.
/// - Precondition: the names differ.
@discardableResult
package func writeSafetensors(
  _ path: String, tensors: [TensorToWrite], metadata: [String: String] = [:]
) throws -> WrittenFile {
  let inOrder = tensors.sorted { ($1.type.size, $0.name) < ($0.type.size, $1.name) }
  return try writeFile(path) { output in
    try output.append(headerBytes(inOrder, metadata))
    for tensor in inOrder {
      try tensor.withBytes { try output.append($0) }
    }
  }
}

/// The length and the text of the header, padded with spaces so that the data starts at a multiple of 8 bytes.
private func headerBytes(_ tensors: [TensorToWrite], _ metadata: [String: String]) -> [UInt8] {
  var members: [String] = []
  if !metadata.isEmpty {
    let texts = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
    members.append("\"__metadata__\":{\(texts.joined(separator: ","))}")
  }
  var names: Set<String> = []
  var offset = 0
  for tensor in tensors {
    precondition(names.insert(tensor.name).inserted, "two tensors are called \(tensor.name)")
    let shape = tensor.shape.map(String.init).joined(separator: ",")
    let end = offset + tensor.byteCount
    members.append(
      "\(quoted(tensor.name)):{\"dtype\":\"\(tensor.type.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}"
    )
    offset = end
  }
  var text = Array("{\(members.joined(separator: ","))}".utf8)
  while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
  return unsafe withUnsafeBytes(of: UInt64(text.count).littleEndian) { unsafe Array($0) } + text
}

/// A JSON string, escaped as the reference implementation does: as little as JSON allows.
private func quoted(_ text: String) -> String {
  let short: [Unicode.Scalar: String] = [
    "\"": "\\\"", "\\": "\\\\", "\u{8}": "\\b", "\u{c}": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t",
  ]
  var result = "\""
  for scalar in text.unicodeScalars {
    if let escape = short[scalar] {
      result += escape
    } else if scalar.value < 0x20 {
      result += "\\u00" + hexadecimal([UInt8(scalar.value)])
    } else {
      result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
