import Foundation
import Testing

/// `colbert checkpoint list` and `verify`, on the checkpoints of a real run.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct CheckpointCommandTests {
  private let run: ShortRun

  /// Checkpoints of steps 5, 10 and 15, by two ranks.
  init() throws {
    run = try ShortRun()
    try run.finish(["--set", "run.steps=15", "--set", "run.keep=3"], ranks: 2)
  }

  private static let shard = "shard-00001-of-00002.safetensors"

  private func checkpoint(_ arguments: String..., ranks: Int? = nil) throws -> Command.Ended {
    try Command.colbert(["checkpoint"] + arguments, ranks: ranks, in: run.folder.path)
  }

  private func damage() throws {
    let shard = "run/checkpoints/step-10/\(Self.shard)"
    var bytes = try run.folder.bytes(of: shard)
    bytes[bytes.count / 2] ^= 1
    try run.folder.write(bytes, to: shard)
  }

  @Test(arguments: [nil, 3]) func listsWhatIsThere(ranks: Int?) throws {
    try run.folder.remove("run/checkpoints/step-15/manifest.json")
    try run.folder.write("", to: "run/checkpoints/step-5/\(Self.shard)")
    let list = try checkpoint("list", "run", ranks: ranks)
    #expect(list.status == 0 && list.complaints == [])
    let rows = list.output.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: true) }
    try #require(rows.count == 4, "\(list.output)")
    #expect(rows[0] == ["step", "written", "ranks", "size", "state"])
    #expect(rows[1][0] == "15" && rows[1][2] == "?" && rows[1][5...] == ["half-written:", "no", "manifest.json"])
    #expect(rows[2][0] == "10" && rows[2][2] == "2" && rows[2][5...] == ["complete"])
    let damaged = "damaged: run/checkpoints/step-5/\(Self.shard): has 0 bytes, the manifest says "
    #expect(rows[3][0] == "5" && rows[3][5...].joined(separator: " ").hasPrefix(damaged), "\(list.output)")
  }

  @Test(arguments: [nil, 3]) func verifies(ranks: Int?) throws {
    for place in ["run", "run/checkpoints/", "run/checkpoints/step-10"] {
      let whole = try checkpoint("verify", place, ranks: ranks)
      #expect(whole.status == 0 && whole.complaints == [], "\(whole.errors)")
      let lines = whole.output.split(separator: "\n")
      #expect(lines.count == (place.contains("step") ? 1 : 3))
      #expect(lines.allSatisfy { $0.contains("  good: step 1") || $0.contains("  good: step 5, 2 shards") })
    }
    // What was never finished is no fault; what was changed is, and its file is named.
    try run.folder.remove("run/checkpoints/step-15/manifest.json")
    #expect(try checkpoint("verify", "run", ranks: ranks).status == 0)
    try damage()
    for place in ["run", "run/checkpoints/step-10"] {
      let damaged = try checkpoint("verify", place, ranks: ranks)
      #expect(damaged.status == 65)
      #expect(damaged.complaints.count == 1)
      #expect(
        damaged.complaints.joined()
          .hasPrefix("error: run/checkpoints/step-10: \(Self.shard): was damaged after it was written"))
      #expect(damaged.output.contains("step-5  good") == (place == "run"))
      #expect(damaged.output.contains("step-15  half-written") == (place == "run"))
    }
    #expect(try checkpoint("verify", "run/checkpoints/step-5", ranks: ranks).status == 0)
    let halfWritten = try checkpoint("verify", "run/checkpoints/step-15", ranks: ranks)
    #expect(halfWritten.status == 65)
    #expect(halfWritten.complaints == ["error: run/checkpoints/step-15 has no complete checkpoint"])
  }

  @Test(arguments: ["list", "verify"]) func refusesWhatIsNotThere(command: String) throws {
    for (place, problem) in [
      ("none", "there is no folder none in "), ("run/model", "run/model holds no checkpoint; name "),
    ] {
      let ended = try checkpoint(command, place)
      #expect(ended.status == 64 && ended.output == "")
      #expect(ended.complaints.count == 1)
      #expect(ended.complaints.joined().hasPrefix("error: directory: \(problem)"), "\(ended.errors)")
    }
  }
}
