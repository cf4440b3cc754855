import Foundation
import TestSupport
import Testing

@testable import Training

@Suite struct EventFileTests {
  /// The same bytes as TensorBoard's own writer: lengths of one byte and more, checksums, numbers, names.
  @Test func writesWhatTensorBoardWrites() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let time = Date(timeIntervalSince1970: 1_700_000_000.25)

    let events = try EventFile(in: folder.path, after: 300, at: time, host: "machine")
    try events.append(step: 301, [("train/loss", 0.8431883576773361), ("zero", 0)], at: time)
    try events.append(step: 1 << 40, (0..<40).map { ("größe/\($0)", -pow(1.5, Double($0))) }, at: time)
    try events.append(step: 302, [], at: time)

    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(files == ["events.out.tfevents.1700000000.machine.\(ProcessInfo.processInfo.processIdentifier)"])
    let written = try Data(contentsOf: folder.appendingPathComponent(files[0]))
    #expect(written == (try Data(contentsOf: URL(fileURLWithPath: fixture("tensorboard/events.bin")))))
  }

  @Test func namesTheFileThatCannotBeWritten() {
    #expect {
      _ = try EventFile(in: "/nowhere", after: 0)
    } throws: { "\($0)".hasPrefix("/nowhere/events.out.tfevents.") && "\($0)".contains(": cannot be written: ") }
  }
}
