import Foundation
import Testing

/// The event files that a run leaves for TensorBoard.
@Suite struct TensorBoardTests {
  /// Those of all starts, read as TensorBoard does, have what `metrics.jsonl` has, each step once.
  @Test func eventsAreTheMetrics() throws {
    let run = try ShortRun()
    try ReferenceTexts().writeCollection(to: "beir", in: run.folder)
    let evaluates = ["--set", "evaluation.data=beir", "--set", "run.evaluate_every=4"]
    // Steps 6 and 7 are done again, as after a crash.
    try run.finish(["--set", "run.steps=7"] + evaluates)
    try run.folder.remove("run/model")
    try run.folder.remove("run/checkpoints/step-7")
    try run.finish(["--set", "run.steps=9"] + evaluates)

    let folder = "\(run.folder.path)/run"
    let files = try FileManager.default.contentsOfDirectory(atPath: folder)
      .filter { $0.hasPrefix("events.out.tfevents.") }.sorted()
    try #require(files.count == 2)
    var shown: [Event] = []
    for (start, file) in files.enumerated() {
      let events = try Event.read("\(folder)/\(file)")
      #expect(events[0].version == "brain.Event:2" && events[0].time > 1.7e9)
      #expect(events.map(\.restarts) == events.indices.map { start == 1 && $0 == 1 })
      for event in events {
        if event.restarts { shown.removeAll { $0.step >= event.step } }
        if !event.scalars.isEmpty { shown.append(event) }
      }
    }
    let (steps, evaluations) = (
      shown.filter { $0.scalars["train/loss"] != nil }, shown.filter { $0.scalars.count == 5 }
    )
    let metrics = try run.metrics()
    #expect(steps.map(\.step) == Array(1...9))
    #expect(steps.map { $0.scalars["train/loss"] } == metrics.map { Float($0.loss) })
    #expect(steps.map { $0.scalars["train/learning_rate"] } == metrics.map { Float($0.learning_rate) })
    #expect(steps.map { $0.scalars["train/gradient_norm"] } == metrics.map { Float($0.gradient_norm) })
    for name in ["throughput/tokens_per_second", "throughput/queries_per_second", "seconds/products"] {
      #expect(steps.allSatisfy { $0.scalars[name, default: 0] > 0 }, "\(name)")
    }
    let expected = try run.evaluations()
    #expect(evaluations.map(\.step) == [4, 8] && expected.map(\.step) == [4, 8])
    #expect(evaluations.map { $0.scalars["evaluation/ndcg@10"] } == expected.map { Float($0.evaluation["ndcg@10"]!) })
  }
}

/// What a record of an event file says.
private struct Event {
  var time = 0.0
  var step = 0
  var version = ""
  var restarts = false
  var scalars: [String: Float] = [:]

  /// Every checksum must be right.
  static func read(_ path: String) throws -> [Event] {
    var rest = try Data(contentsOf: URL(fileURLWithPath: path))
    var events: [Event] = []
    while !rest.isEmpty {
      let length = rest.prefix(8)
      let count = Int(number(length))
      try #require(rest.count >= count + 16)
      #expect(number(rest.dropFirst(8).prefix(4)) == UInt64(checksum(length)))
      let data = rest.dropFirst(12).prefix(count)
      #expect(number(rest.dropFirst(12 + count).prefix(4)) == UInt64(checksum(data)))
      events.append(event(data))
      rest = rest.dropFirst(16 + count)
    }
    return events
  }

  private static func event(_ data: Data) -> Event {
    var event = Event()
    for (field, value) in fields(data) {
      switch field {
      case 1: event.time = Double(bitPattern: number(value))
      case 2: event.step = Int(number(value))
      case 3: event.version = String(decoding: value, as: UTF8.self)
      case 5:
        for (_, summary) in fields(value) {
          let scalar = Dictionary(uniqueKeysWithValues: fields(summary))
          event.scalars[String(decoding: scalar[1]!, as: UTF8.self)] = Float(bitPattern: UInt32(number(scalar[2]!)))
        }
      case 7: event.restarts = fields(value).contains { $0.0 == 1 && number($0.1) == 1 }
      default: Issue.record("field \(field)")
      }
    }
    return event
  }

  /// The fields of a message with their bytes, those of an integer as many as it has.
  private static func fields(_ data: Data) -> [(Int, Data)] {
    var rest = data
    func integer() -> Int {
      var (value, shift) = (0, 0)
      while let byte = rest.popFirst() {
        value |= Int(byte & 0x7f) << shift
        shift += 7
        if byte < 0x80 { break }
      }
      return value
    }
    var fields: [(Int, Data)] = []
    while !rest.isEmpty {
      let key = integer()
      if key & 7 == 0 {
        fields.append((key >> 3, withUnsafeBytes(of: UInt64(integer()).littleEndian) { Data($0) }))
      } else {
        let count = key & 7 == 1 ? 8 : key & 7 == 5 ? 4 : integer()
        fields.append((key >> 3, rest.prefix(count)))
        rest = rest.dropFirst(count)
      }
    }
    return fields
  }

  private static func number(_ bytes: Data) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }

  /// CRC-32C, a bit at a time, masked.
  private static func checksum(_ bytes: Data) -> UInt32 {
    var sum: UInt32 = ~0
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0x82f6_3b78 : 0) }
    }
    sum = ~sum
    return (sum >> 15 | sum << 17) &+ 0xa282_ead8
  }
}
