import Foundation
import TestSupport
import Tensors
import Testing

/// `model.precision: bfloat16` through the commands, with instructions for it, emulated, and without either.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct BFloat16RunTests {
  private static let emulating = ["COLBERT_EMULATE_BFLOAT16": "1"]
  private static let training = ["train", "run.yaml", "--set", "run.steps=8", "--set", "model.precision=bfloat16"]

  private struct Start: Decodable { let precision: String }

  /// The precision of each start that the run has recorded.
  private func recorded(_ run: ShortRun) throws -> [String] {
    try run.folder.text(of: "run/starts.jsonl").split(separator: "\n")
      .map { try JSONDecoder().decode(Start.self, from: Data($0.utf8)).precision }
  }

  private func train(
    _ run: ShortRun, _ arguments: [String] = [], ranks: Int? = nil, _ environment: [String: String] = Self.emulating
  ) throws -> Command.Ended {
    let ended = try Command.colbert(
      Self.training + arguments, ranks: ranks, in: run.folder.path, environment: environment)
    try #require(ended.status == 0, "\(ended.errors)")
    return ended
  }

  /// Without instructions for it, a run says so once and is the float32 run.
  @Test(.enabled(if: !BFloat16Products.areNative), arguments: [nil, 2])
  func runsInFloat32WithoutInstructions(ranks: Int?) throws {
    let float = try ShortRun()
    try float.finish(["--set", "run.steps=8"], ranks: ranks)
    let run = try ShortRun()
    let ended = try train(run, ranks: ranks, [:])
    let told = ended.errors.components(separatedBy: "bfloat16 products are asked for, and float32 ones computed: on ")
    #expect(told.count == 2, "\(ended.errors)")
    #expect(try recorded(run) == ["float32"])
    #expect(try run.outcome().differences(from: float.outcome()) == [])
  }

  /// A run that was stopped goes on bit for bit; not with another precision.
  @Test(.enabled(if: BFloat16Products.obstacle == nil), arguments: [nil, 2])
  func goesOnBitForBit(ranks: Int?) throws {
    let whole = try ShortRun()
    let ended = try train(whole, ranks: ranks)
    #expect(ended.errors.contains("products: the encoder's linear layers in bfloat16"), "\(ended.errors)")
    let float = try ShortRun()
    try float.finish(["--set", "run.steps=8"], ranks: ranks)
    #expect(try whole.metrics()[0].loss != float.metrics()[0].loss, "nothing was rounded")
    let run = try ShortRun()
    // The schedule's length is that of the whole run.
    let constant = ["--set", "optimizer.schedule=constant", "--set", "optimizer.warmup=0"]
    _ = try train(run, constant + ["--set", "run.steps=5"], ranks: ranks)
    _ = try train(run, constant, ranks: ranks)
    let other = try ShortRun()
    _ = try train(other, constant, ranks: ranks)
    #expect(try run.outcome().differences(from: other.outcome()) == [])
    #expect(try recorded(run) == ["bfloat16", "bfloat16"])
    let refused = try Command.colbert(["train", "run.yaml", "--set", "run.steps=9"], ranks: ranks, in: run.folder.path)
    #expect(refused.status == 64 && refused.errors.contains("run.yaml: model.precision: bfloat16 before, float32 now"))
  }

  /// A run that began where there is no bfloat16 goes on where there is, and says what that means.
  @Test(.enabled(if: BFloat16Products.obstacle == nil && !BFloat16Products.areNative))
  func saysThatTheMachinesMadeADifference() throws {
    let run = try ShortRun()
    let constant = ["--set", "optimizer.schedule=constant", "--set", "optimizer.warmup=0"]
    let first = try train(run, constant + ["--set", "run.steps=5"], [:])
    let second = try train(run, constant)
    let change = "until step 5 products were computed in float32, from here on in bfloat16"
    #expect(!first.errors.contains("products were computed") && second.errors.contains(change), "\(second.errors)")
    #expect(try recorded(run) == ["float32", "bfloat16"])
  }

  /// Vectors are the same bytes on one rank and on two, and other ones than in float32.
  @Test(.enabled(if: BFloat16Products.obstacle == nil)) func encodes() throws {
    let folder = try TemporaryFolder()
    try folder.write((0..<9).map { "{\"text\": \"text \($0) of several\"}\n" }.joined(), to: "texts.jsonl")
    func encode(_ name: String, ranks: Int?, _ precision: String) throws {
      let ended = try Command.colbert(
        [
          "encode", "--model", fixture("tiny-pylate"), "--role", "document", "--input", "texts.jsonl", "--output", name,
          "--precision", precision,
        ], ranks: ranks, in: folder.path, environment: Self.emulating)
      try #require(ended.status == 0, "\(ended.errors)")
    }
    try encode("one", ranks: nil, "bfloat16")
    try encode("two", ranks: 2, "bfloat16")
    try encode("float", ranks: nil, "float32")
    #expect(try folder.isSame("one", as: "two"))
    #expect(try !folder.isSame("one", as: "float"))
  }

  /// Both rates where there are both, else why not.
  @Test func isMeasured() throws {
    let folder = try TemporaryFolder()
    let measure = ["bench", "gemm", "--width", "32", "--intermediate", "64", "--rows", "64", "--seconds", "0.002"]
    for environment in [[:], Self.emulating] {
      let ended = try Command.colbert(
        measure + ["--json", "g.json"], in: folder.path, environment: environment)
      try #require(ended.status == 0, "\(ended.errors)")
      let canMultiply =
        BFloat16Products.obstacle == nil && (BFloat16Products.areNative || environment == Self.emulating)
      #expect(ended.output.contains("bf16 all threads") == canMultiply)
      #expect(ended.output.contains("no bfloat16: on ") == !canMultiply)
      #expect(try folder.text(of: "g.json").contains("bfloat16AllThreads") == canMultiply)
    }
  }

  @Test(.enabled(if: BFloat16Products.obstacle == nil), arguments: ["bench step", "plan --ranks 2"])
  func isPlannedAndMeasuredInSteps(command: String) throws {
    let run = try ShortRun()
    let words = command.split(separator: " ").map(String.init)
    let name = words.prefix(command.hasPrefix("bench") ? 2 : 1)
    let ended = try Command.colbert(
      name + ["run.yaml", "--set", "model.precision=bfloat16"] + words.dropFirst(name.count) + ["--json", "b.json"],
      in: run.folder.path, environment: Self.emulating)
    try #require(ended.status == 0, "\(ended.errors)")
    #expect(ended.output.contains("bfloat16 products"), "\(ended.output)")
    #expect(try run.folder.text(of: "b.json").contains("\"precision\" : \"bfloat16\""))
  }
}
