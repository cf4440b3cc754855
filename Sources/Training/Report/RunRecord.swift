import Communication
import Datasets
import Foundation

/// What a run's folder says of the run, finished or not.
package struct RunRecord: Sendable {
  package let folder: String
  package let steps: [StepMetrics]
  package let evaluations: [Evaluation]
  /// What the quickstart measures of the model that it starts from, and of the finished one.
  package let before: EvaluationResult?
  package let after: EvaluationResult?
  /// The last is the newest; empty in a folder of an older version.
  package let starts: [RunStart]
  package let isFinished: Bool

  package struct Evaluation: Codable, Sendable {
    package let step: Int
    package let evaluation: EvaluationResult
  }

  /// Reads the folder. A last line without an end is one that is being written, and is left out.
  ///
  /// Throws `DataError`, which names file and line, when a line is not what a run writes.
  package init(folder: String) throws {
    self.folder = folder
    var steps: [StepMetrics] = []
    var evaluations: [Evaluation] = []
    try readLines("\(folder)/metrics.jsonl") { line in
      if line.contains(key: "evaluation") {
        evaluations.append(try line.decode())
      } else {
        steps.append(try line.decode())
      }
    }
    var starts: [RunStart] = []
    if FileManager.default.fileExists(atPath: "\(folder)/starts.jsonl") {
      try readLines("\(folder)/starts.jsonl") { starts.append(try $0.decode()) }
    }
    self.steps = steps
    self.evaluations = evaluations
    self.starts = starts
    before = try Self.evaluation("\(folder)/evaluation-before.json")
    after = try Self.evaluation("\(folder)/evaluation-after.json")
    isFinished = FileManager.default.fileExists(atPath: "\(folder)/model")
  }

  private static func evaluation(_ path: String) throws -> EvaluationResult? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    return try Line(path: path, number: nil, bytes: Data(contentsOf: URL(fileURLWithPath: path))).decode()
  }
}

/// A line of a file, or the whole of it.
private struct Line {
  let path: String
  let number: Int?
  let bytes: Data

  func contains(key: String) -> Bool { String(decoding: bytes, as: UTF8.self).contains("\"\(key)\":") }

  func decode<Value: Decodable>() throws -> Value {
    do {
      return try JSONDecoder().decode(Value.self, from: bytes)
    } catch {
      let reason = (error as? DecodingError)?.explanation ?? explanation(of: error)
      throw DataError(
        path: path, line: number, reason: "this is not what a run writes there (\(reason))",
        advice: "Remove what somebody else has written, or name another run")
    }
  }
}

private func readLines(_ path: String, _ body: (Line) throws -> Void) throws {
  let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
  let newline = UInt8(ascii: "\n")
  let whole = bytes.prefix(upTo: bytes.lastIndex(of: newline) ?? bytes.startIndex)
  for (index, line) in whole.split(separator: newline, omittingEmptySubsequences: false).enumerated()
  where !line.isEmpty {
    try body(Line(path: path, number: index + 1, bytes: Data(line)))
  }
}
