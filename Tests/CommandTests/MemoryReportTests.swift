import Foundation
import TestSupport
import Testing

/// What a run says of its memory before the first step, against what it then takes.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct MemoryReportTests {
  /// 200 queries or more at once, so that the few ten megabytes that the allocator keeps for later count for little. The
  /// lengths differ a lot: a mean would not do.
  @Test(arguments: [(nil, 400, 1), (2, 400, 1), (nil, 800, 2)] as [(Int?, Int, Int)])
  func theEstimateIsWithinATenth(ranks: Int?, queries: Int, accumulation: Int) throws {
    let run = try ShortRun()
    let words = ["table", "layout", "library", "network", "sound"]
    let rows = (0..<1_000).map { i in
      let document = (0..<(i % 7 == 0 ? 170 : 12 + i % 23)).map { words[($0 * i + i) % 5] }.joined(separator: " ")
      return "{\"query\": \"\(words[i % 5]) \(i)\", \"pos\": [\"\(document)\"]}\n"
    }
    try run.folder.write(rows.joined(), to: "train.jsonl")
    let settings = [
      "data.train=[train.jsonl]", "batch.queries=\(queries)", "batch.accumulation=\(accumulation)", "run.steps=3",
      "data.document_max_length=180",
    ]
    let log = try run.finish(settings.flatMap { ["--set", $0] }, ranks: ranks).errors
    let expected = try gigabytes(after: "memory expected: ", in: log)
    let used = try gigabytes(after: "memory used: ", in: log)
    #expect(expected > 0.1, "\(log)")
    // Half a unit of the last place that is printed, for each.
    #expect(abs(expected - used) < 0.1 * used + 0.01, "\(log)")
  }

  private func gigabytes(after label: String, in log: String) throws -> Double {
    let line = try #require(log.split(separator: "\n").first { $0.hasPrefix(label) })
    return try #require(Double(line.dropFirst(label.count).prefix { $0 != " " }))
  }
}
