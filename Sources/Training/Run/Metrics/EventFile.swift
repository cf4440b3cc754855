import Communication
import Foundation

/// A file of events that TensorBoard shows, written by rank 0 beside `metrics.jsonl`.
///
/// Records are framed as TensorFlow frames them (tensorflow/core/lib/io/record_writer.h): length, checksum of the length,
/// data, checksum of the data; the data is a message `Event` (tensorboard/compat/proto/event.proto). A run that goes on
/// begins another file, whose second event tells TensorBoard to forget what it has of the steps that are done again.
struct EventFile {
  private let path: String
  private let handle: FileHandle

  /// Begins a file in `folder` for a run that has done `step` updates.
  ///
  /// Its name sorts after those of earlier starts: TensorBoard reads a folder's files in the order of their names.
  init(in folder: String, after step: Int, at time: Date = .now, host: String = ProcessInfo.processInfo.hostName) throws
  {
    let seconds = String(format: "%010d", Int(time.timeIntervalSince1970))
    path = "\(folder)/events.out.tfevents.\(seconds).\(host).\(ProcessInfo.processInfo.processIdentifier)"
    let file = URL(fileURLWithPath: path)
    handle = try Self.explained(path) {
      try Data().write(to: file)
      return try FileHandle(forWritingTo: file)
    }
    try append(Event(time: time, content: .version))
    if step > 0 { try append(Event(time: time, step: step + 1, content: .restart)) }
  }

  /// Appends numbers of a step under the names that TensorBoard gives their charts; it keeps them as single-precision numbers.
  func append(step: Int, _ values: [(name: String, value: Double)], at time: Date = .now) throws {
    try append(Event(time: time, step: step, content: .scalars(values)))
  }

  private func append(_ event: Event) throws {
    try Self.explained(path) { try handle.write(contentsOf: event.record) }
  }

  private static func explained<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch {
      throw RunError("\(path): cannot be written: \(explanation(of: error))")
    }
  }
}

/// What a record of the file tells.
private struct Event {
  enum Content {
    case version
    /// Steps from this event's on are done again.
    case restart
    case scalars([(name: String, value: Double)])
  }

  let time: Date
  var step = 0
  let content: Content

  /// Field numbers are those of event.proto and summary.proto.
  private var message: ProtocolMessage {
    var event = ProtocolMessage()
    event.append(1, time.timeIntervalSince1970)
    if step != 0 { event.append(2, step) }
    switch content {
    case .version: event.append(3, "brain.Event:2")
    case .scalars(let values):
      var summary = ProtocolMessage()
      for (name, value) in values {
        var scalar = ProtocolMessage()
        scalar.append(1, name)
        scalar.append(2, Float(value))
        summary.append(1, scalar)
      }
      event.append(5, summary)
    case .restart:
      var session = ProtocolMessage()
      session.append(1, 1)
      event.append(7, session)
    }
    return event
  }

  var record: Data {
    let data = message.bytes
    let length = littleEndian(UInt64(data.count))
    return Data(length + littleEndian(maskedCRC32C(length)) + data + littleEndian(maskedCRC32C(data)))
  }
}

private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

/// The checksum of Castagnoli's polynomial, turned and shifted so that a checksum within data does no harm
/// (tensorflow/core/lib/hash/crc32c.h).
private func maskedCRC32C(_ bytes: [UInt8]) -> UInt32 {
  let sum = ~bytes.reduce(~0) { castagnoli[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ ($0 >> 8) }
  return (sum >> 15 | sum << 17) &+ 0xa282_ead8
}

/// What a byte does to a checksum.
private let castagnoli: [UInt32] = (0..<256).map { byte in
  (0..<8).reduce(UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 1 ? 0x82f6_3b78 : 0) }
}
