import Checkpoints
import Foundation
import Tensors

/// A file of `Tests/Fixtures/safetensors`.
func fixture(_ name: String) -> String {
  URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/safetensors/\(name)").path
}

/// The bytes of a safetensors file with this header and `data` bytes of data.
func safetensors(_ header: String, data: Int = 0) -> [UInt8] {
  let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
  return length + Array(header.utf8) + (0..<data).map { UInt8($0 & 0xFF) }
}

/// Lends a view of `values`, one row.
func withMatrix<Result>(_ values: [Float], _ body: (Matrix) throws -> Result) rethrows -> Result {
  let storage = Storage(zeros: values.count)
  let matrix = storage.matrix(rows: 1, columns: values.count)
  if !values.isEmpty { matrix.assign(values) }
  defer { withExtendedLifetime(storage) {} }
  return try body(matrix)
}

extension SafetensorsFile {
  /// The tensor `name`, copied.
  func floats(_ name: String) throws -> [Float] {
    var storage = Storage(zeros: try tensor(name).count)
    var span = storage.mutableSpan
    try copy(name, into: &span)
    return storage.matrix(rows: 1, columns: storage.count).values
  }
}
