import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// A run that goes on from a checkpoint takes no more memory than one that begins.
@Suite struct ResumeMemoryTests {
  /// 40 MB of parameters: more than the last digits of what a run says of its memory.
  @Test func aResumedRunTakesNoMore() throws {
    let run = try ShortRun()
    try Self.writeLargeModel(to: "model", in: run.folder)
    let settings = ["model.path=model", "run.steps=2", "run.checkpoint_every=1"].flatMap { ["--set", $0] }
    let whole = try run.finish(settings).errors
    try run.folder.remove("run/model")
    try run.folder.remove("run/checkpoints/step-2/manifest.json")
    let resumed = try run.finish(settings).errors
    try #require(resumed.contains("continuing after step 1"), "\(resumed)")
    let (before, after) = (try memoryUsed(in: whole), try memoryUsed(in: resumed))
    // Values and two moments.
    #expect(before > 0.12, "\(whole)")
    #expect(after < before + 0.02, "\(whole)\(resumed)")
  }

  private func memoryUsed(in log: String) throws -> Double {
    let label = "memory used: "
    let line = try #require(log.split(separator: "\n").first { $0.hasPrefix(label) })
    return try #require(Double(line.dropFirst(label.count).prefix { $0 != " " }))
  }

  /// tiny-pylate with more words than its tokenizer knows.
  private static func writeLargeModel(to path: String, in folder: TemporaryFolder) throws {
    let rows = 210_000
    try folder.copy(fixture("tiny-pylate"), to: path)
    let source = try SafetensorsFile(fixture("tiny-pylate/model.safetensors"))
    let arena = Arena()
    let tensors = try source.names.map { name in
      var shape = try source.tensor(name).shape
      let values = try source.floats(name)
      if name.hasSuffix("word_embeddings.weight") { shape[0] = rows }
      let matrix = arena.matrix(rows: 1, columns: shape.reduce(1, *))
      matrix.withMutableSpan { target in
        for i in 0..<target.count { target[i] = values[i % values.count] }
      }
      return TensorToWrite(name, shape: shape, .floats(matrix))
    }
    try writeSafetensors("\(folder.path)/\(path)/model.safetensors", tensors: tensors, metadata: ["format": "pt"])
    withExtendedLifetime(arena) {}
    let configuration = try folder.text(of: "\(path)/config.json")
    try folder.write(
      configuration.replacing("\"vocab_size\": 2502", with: "\"vocab_size\": \(rows)"), to: "\(path)/config.json")
  }
}
