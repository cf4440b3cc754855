import Foundation
import Testing

/// The arithmetic and the shape of what `bench` and `train --trace` report. How fast anything was is not looked at.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct BenchTests {
  /// The operations of a step are a count of the batch's tokens: neither ranks nor chunks change them.
  @Test func aStepCountsTheSameOperationsAtEveryCut() throws {
    let whole = try step(ranks: nil, accumulation: 1)
    let cuts = [
      try step(ranks: nil, accumulation: 2), try step(ranks: 2, accumulation: 1), try step(ranks: 3, accumulation: 1),
    ]
    #expect(whole.operationsPerStep > 0)
    for cut in cuts { #expect(isClose(cut.operationsPerStep, whole.operationsPerStep, within: 1e-12)) }
  }

  @Test(arguments: [nil, 2]) func thePartsOfAStepAddUpToIt(ranks: Int?) throws {
    let figures = try step(ranks: ranks, accumulation: 1)
    #expect(figures.ranks == ranks ?? 1)
    #expect(isClose(figures.parts.reduce(0) { $0 + $1.seconds }, figures.secondsPerStep, within: 0.01))
    #expect(isClose(figures.stepRate * figures.secondsPerStep, figures.operationsPerStep, within: 1e-9))
    #expect(isClose(figures.shareOfProductRate * figures.productRate, figures.stepRate, within: 1e-9))
    let times = Dictionary(uniqueKeysWithValues: figures.parts.map { ($0.part, $0.seconds) })
    for part in ["products", "attention", "element-wise", "MaxSim and loss", "optimizer"] {
      #expect((times[part] ?? 0) > 0, "\(part) takes time")
    }
    // One rank has nobody to send to; two send at least each trained parameter once.
    #expect((figures.sentBytesPerStep > 0) == (ranks != nil))
    if ranks != nil { #expect((times["communication"] ?? 0) > 0) }
  }

  @Test func allProductsOfALayerAreMeasured() throws {
    let folder = try TemporaryFolder()
    let ended = try Command.colbert(
      [
        "bench", "gemm", "--width", "32", "--intermediate", "64", "--rows", "64", "--seconds", "0.005", "--json",
        "g.json",
      ],
      in: folder.path)
    try #require(ended.status == 0, "\(ended.errors)")
    let figures = try decode(Products.self, "g.json", folder)
    #expect(figures.products.count == 4 * 3, "four linear layers, three products each")
    #expect(Set(figures.products.map(\.kind)).count == 3)
    #expect(figures.products.allSatisfy { $0.oneThread > 0 && $0.allThreads > 0 })
    #expect(ended.output.contains("attention projection"))
  }

  @Test func collectivesSayWhatARankHasToSend() throws {
    let folder = try TemporaryFolder()
    let ended = try Command.colbert(
      ["bench", "collectives", "--largest", "8192", "--seconds", "0.005", "--json", "c.json"], ranks: 2, in: folder.path
    )
    try #require(ended.status == 0, "\(ended.errors)")
    let figures = try decode(Collectives.self, "c.json", folder)
    #expect(figures.ranks == 2 && figures.hosts == 1)
    for time in figures.times {
      #expect(time.shortestSeconds <= time.medianSeconds)
      guard let rate = time.bytesPerSecond else { continue }
      // Of two ranks an all-reduce sends the array once, 2(N−1)/N; all others half of it.
      let sent = Double(time.bytes) * (time.collective == "all-reduce" ? 1 : 0.5)
      #expect(isClose(rate * time.medianSeconds, sent, within: 1e-9), "\(time.collective)")
    }
    #expect(figures.times.count { $0.bytesPerSecond == nil } == 1, "a barrier moves nothing")
  }

  @Test func maxSimSaysWhatOneArrayWouldTake() throws {
    let folder = try TemporaryFolder()
    let ended = try Command.colbert(
      ["bench", "maxsim", "--queries", "3", "--documents", "5", "--repeats", "1", "--json", "m.json"], in: folder.path)
    try #require(ended.status == 0, "\(ended.errors)")
    let figures = try decode(MaxSim.self, "m.json", folder)
    #expect(isClose(figures.forwardRate * figures.forwardSeconds, 2 * 3 * 32 * 5 * 180 * 128, within: 1e-9))
    #expect(figures.backwardSeconds > 0)
  }

  @Test(arguments: [
    ["gemm", "--rows", "0"], ["gemm", "--seconds", "-1"], ["maxsim", "--repeats", "0"],
    ["collectives", "--largest", "1"],
    ["gemm", "--model", "nowhere"], ["step", "nowhere.yaml"], ["collectives", "--json", "no/such/folder/x.json"],
  ])
  func badUsageIsSaidAtOnce(arguments: [String]) throws {
    let folder = try TemporaryFolder()
    let ended = try withExtendedLifetime(folder) { try Command.colbert(["bench"] + arguments, in: folder.path) }
    #expect(ended.status == 64, "\(ended.errors)")
    #expect(ended.output.isEmpty)
  }

  @Test(arguments: [nil, 3]) func aTraceHoldsAllRanksAndItsStretchesNest(ranks: Int?) throws {
    let run = try ShortRun()
    try run.finish(["--set", "run.steps=2", "--trace", "trace.json"], ranks: ranks)
    let events = try decode([TraceLine].self, "trace.json", run.folder)
    let stretches = events.filter { $0.ph == "X" }
    #expect(Set(stretches.map(\.pid)) == Set(0..<(ranks ?? 1)))
    for rank in 0..<(ranks ?? 1) {
      let names = stretches.filter { $0.pid == rank && $0.tid == 0 }.map(\.name)
      #expect(names.contains("step 1") && names.contains("step 2"), "rank \(rank)")
      #expect(names.count { $0 == "waiting for data" } == 2, "rank \(rank)")
      if ranks != nil { #expect(names.contains("begin all-reduce"), "rank \(rank)") }
      // The thread behind the pool's reads ahead; the trace may begin when it has read.
      let input = events.first { $0.pid == rank && $0.args?.name == "input" }?.tid
      #expect(input == (ranks == nil ? 2 : 1), "rank \(rank)")
      let reads = stretches.filter { $0.pid == rank && $0.tid == input }.map(\.name)
      #expect(Set(reads).isSubset(of: ["read step 1", "read step 2"]), "rank \(rank)")
    }
    for thread in Dictionary(grouping: stretches, by: { [$0.pid, $0.tid] }).values { expectNested(thread) }
  }

  /// Of one thread: each stretch lies within the one that it begins in.
  private func expectNested(_ stretches: [TraceLine]) {
    // Times are written in microseconds with all their digits; sums of them may differ in the last.
    let slack = 1e-3
    var open: [Double] = []
    for stretch in stretches {
      let (start, end) = (stretch.ts ?? -1, (stretch.ts ?? -1) + (stretch.dur ?? -1))
      #expect(start >= 0 && end >= start)
      while let outer = open.last, outer <= start + slack { open.removeLast() }
      if let outer = open.last {
        #expect(end <= outer + slack, "\(stretch.name) at \(start) goes beyond what holds it")
      }
      open.append(end)
    }
  }

  private func step(ranks: Int?, accumulation: Int) throws -> Step {
    let run = try ShortRun()
    let ended = try Command.colbert(
      [
        "bench", "step", "run.yaml", "--steps", "2", "--warm-up", "1", "--json", "s.json", "--set",
        "batch.accumulation=\(accumulation)",
      ], ranks: ranks, in: run.folder.path, within: 120)
    try #require(ended.status == 0, "\(ended.errors)")
    #expect(!run.folder.has("run"), "a measurement leaves no run behind")
    return try decode(Step.self, "s.json", run.folder)
  }

  private func decode<Value: Decodable>(_ type: Value.Type, _ name: String, _ folder: TemporaryFolder) throws -> Value {
    try JSONDecoder().decode(type, from: try folder.bytes(of: name))
  }

  private func isClose(_ a: Double, _ b: Double, within share: Double) -> Bool { abs(a - b) <= share * abs(b) }
}

// What the JSON files hold, as far as the tests look.

private struct Step: Decodable {
  let ranks: Int
  let secondsPerStep: Double
  let operationsPerStep: Double
  let stepRate: Double
  let productRate: Double
  let shareOfProductRate: Double
  let sentBytesPerStep: Double
  let parts: [Part]

  struct Part: Decodable {
    let part: String
    let seconds: Double
  }
}

private struct Products: Decodable {
  let products: [Rate]

  struct Rate: Decodable {
    let kind: String
    let oneThread: Double
    let allThreads: Double
  }
}

private struct Collectives: Decodable {
  let ranks: Int
  let hosts: Int
  let times: [Time]

  struct Time: Decodable {
    let collective: String
    let bytes: Int
    let shortestSeconds: Double
    let medianSeconds: Double
    let bytesPerSecond: Double?
  }
}

private struct MaxSim: Decodable {
  let forwardSeconds: Double
  let backwardSeconds: Double
  let forwardRate: Double
}

private struct TraceLine: Decodable {
  let name: String
  let ph: String
  let pid: Int
  let tid: Int
  let ts: Double?
  let dur: Double?
  let args: Arguments?

  struct Arguments: Decodable { let name: String? }
}
