import Foundation
import TestSupport
import Testing

/// Runs that keep the hidden states of frozen layers, through the commands.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct CacheTests {
  private static let top = ["--set", "model.train={top: 1}", "--set", "run.steps=10"]
  private static let cached = top + ["--set", "cache.directory=cache"]

  private func files(_ run: ShortRun) -> [String] {
    run.folder.names(in: "cache").flatMap { set in run.folder.names(in: "cache/\(set)").map { "cache/\(set)/\($0)" } }
      .filter { $0.hasSuffix(".states") }
  }

  /// The first run fills the cache, the second finds everything there; both end as a run without one, bit for bit.
  @Test(arguments: [nil, 2])
  func changesNoBit(ranks: Int?) throws {
    let plain = try ShortRun()
    try plain.finish(Self.top, ranks: ranks)
    let run = try ShortRun()
    let first = try run.finish(Self.cached, ranks: ranks)
    #expect(first.errors.contains(" free, 0 texts there"), "\(first.errors)")
    #expect(try run.outcome().differences(from: plain.outcome()) == [])
    let written = files(run)
    #expect(written.count == (ranks ?? 1))
    try run.folder.remove("run")
    let second = try run.finish(Self.cached, ranks: ranks)
    #expect(second.errors.contains(" free, 24 texts there"), "\(second.errors)")
    #expect(try run.outcome().differences(from: plain.outcome()) == [])
    #expect(files(run) == written, "nothing is computed twice")
  }

  /// Another model, and one more frozen layer, have sets of their own.
  @Test func isNeverReadForAnotherModel() throws {
    let run = try ShortRun()
    try run.finish(Self.cached)
    try run.folder.copy("\(run.folder.path)/run/model", to: "moved")
    for other in [["--set", "model.path=moved"], ["--set", "model.train=head"]] {
      try run.folder.remove("run")
      let ended = try run.finish(Self.cached + other)
      #expect(ended.errors.contains(" free, 0 texts there"), "\(ended.errors)")
    }
    #expect(run.folder.names(in: "cache").count == 3)
    let list = try Command.colbert(["cache", "list", "cache"], in: run.folder.path)
    #expect(list.status == 0 && list.output.split(separator: "\n").count == 3, "\(list.output)")
    #expect(list.output.contains("hidden states after 2 of 2 layers of"), "\(list.output)")
    let removed = try Command.colbert(["cache", "remove", "cache"], in: run.folder.path)
    #expect(removed.status == 0 && run.folder.names(in: "cache") == [], "\(removed.output)")
  }

  /// Killed in the middle, or spoilt afterwards: the run says so and ends as if nothing had been.
  @Test func survivesDamage() throws {
    let plain = try ShortRun()
    try plain.finish(Self.top)
    let run = try ShortRun()
    try run.finish(Self.cached)
    let file = try #require(files(run).first)
    let whole = try run.folder.bytes(of: file)
    var spoilt = whole
    // Behind the headers of the file and of its first text: among the states themselves.
    spoilt[2 * 64 + 8] ^= 4
    for (bytes, isSaid) in [(whole.dropLast(100), false), (whole.prefix(30), false), (spoilt, true)] {
      try run.folder.remove("run")
      // What the last run computed again is in a file of its own, and would be found there.
      for other in files(run) { try run.folder.remove(other) }
      try run.folder.write(Data(bytes), to: file)
      let ended = try run.finish(Self.cached)
      #expect(ended.errors.contains("is damaged at byte") == isSaid, "\(ended.errors)")
      #expect(try run.outcome().differences(from: plain.outcome()) == [])
    }
  }

  @Test(.enabled(if: SmallDisk.isAvailable, "needs root"), arguments: [nil, 2])
  func goesOnWhenTheDiskIsFull(ranks: Int?) throws {
    let plain = try ShortRun()
    try plain.finish(Self.top, ranks: ranks)
    let run = try ShortRun()
    let disk = try #require(SmallDisk(at: "\(run.folder.path)/cache", kilobytes: 24))
    let ended = try run.finish(Self.cached, ranks: ranks)
    #expect(ended.errors.contains("warning: the cache may grow by"), "\(ended.errors)")
    #expect(ended.errors.contains("No space left on device: no more hidden states are kept"), "\(ended.errors)")
    #expect(try run.outcome().differences(from: plain.outcome()) == [])
    withExtendedLifetime(disk) {}
  }

  @Test func refusesWhatMakesNoSense() throws {
    let run = try ShortRun()
    let cases = [
      (["cache.directory=cache"], "model.train: all leaves none"),
      (["cache.directory=cache", "model.train={top: 2}"], "no layer below the 2 that train is frozen"),
      (["cache.precision=bfloat16", "model.train=head"], "nothing is kept without cache.directory"),
      (["cache.directory=run.yaml", "model.train=head"], "run.yaml is a file; name a folder"),
    ]
    for (settings, text) in cases {
      let ended = try run.train(settings.flatMap { ["--set", $0] })
      #expect(ended.status == 64)
      #expect(ended.complaints.joined().contains(text), "\(ended.errors)")
    }
  }
}
