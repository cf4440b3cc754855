import Checkpoints
import Foundation
import TestSupport
import Testing

/// The unified objective with a teacher and self-distillation, through the commands.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct UnifiedRunTests {
  private struct Line: Decodable {
    struct Terms: Decodable {
      let dense: Double
      let sparse: Double
      let colbert: Double
      let ensemble: Double
    }
    let step: Int
    let loss: Double
    let loss_terms: Terms?
  }

  private static let settings = [
    "model.path=\(fixture("tiny-bge-m3"))", "data.train=[\(fixture("bge-m3-train.jsonl"))]", "run.steps=4",
    "data.query_max_length=24", "data.document_max_length=64", "loss.objective=unified", "loss.distillation=kl",
    "loss.self_distillation=true", "loss.self_distillation_start=2",
  ]

  private func lines(_ run: ShortRun) throws -> [Line] {
    try run.folder.text(of: "run/metrics.jsonl").split(separator: "\n").map {
      try JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
  }

  /// Without self-distillation, at first, the terms add up to the loss; both heads learn; ranks change nothing, not
  /// even five for four queries.
  @Test func learnsBothHeads() throws {
    let runs = try [nil, 5].map { ranks in
      let run = try ShortRun()
      try run.finish(Self.settings.flatMap { ["--set", $0] }, ranks: ranks)
      return run
    }
    let (alone, together) = (try lines(runs[0]), try lines(runs[1]))
    #expect(alone.map(\.step) == [1, 2, 3, 4])
    for line in alone {
      let terms = try #require(line.loss_terms)
      let sum = terms.dense + 0.1 * terms.sparse + terms.colbert + terms.ensemble
      #expect((abs(line.loss - sum / 4) < 1e-12) == (line.step <= 2), "step \(line.step)")
    }
    #expect(abs(alone[0].loss / together[0].loss - 1) < 1e-12)
    for (a, b) in zip(alone, together) { #expect(abs(a.loss / b.loss - 1) < 1e-4, "step \(a.step)") }
    for head in ["colbert_linear.pt", "sparse_linear.pt"] {
      let before = try openTensorFile(fixture("tiny-bge-m3/\(head)")).floats("weight")
      #expect(try openTensorFile("\(runs[0].folder.path)/run/model/\(head)").floats("weight") != before, "\(head)")
    }
  }

  /// A head that the objective does not reach stays as it was, decay or not.
  @Test func leavesAHeadWithoutWeightAlone() throws {
    let run = try ShortRun()
    let settings = [
      "loss.self_distillation=false", "loss.weights={dense: 1, sparse: 1, colbert: 0, ensemble: 0}",
      "optimizer.decay=all",
    ]
    try run.finish((Self.settings + settings).flatMap { ["--set", $0] })
    for (head, stays) in [("colbert_linear.pt", true), ("sparse_linear.pt", false)] {
      for tensor in ["weight", "bias"] {
        let before = try openTensorFile(fixture("tiny-bge-m3/\(head)")).floats(tensor)
        let after = try openTensorFile("\(run.folder.path)/run/model/\(head)").floats(tensor)
        #expect((after == before) == stays, "\(head) \(tensor)")
      }
    }
  }

  /// What was all zeros stays so under relu: such a head would be dead weight.
  @Test func refusesASparseHeadOfZeros() throws {
    let run = try ShortRun()
    let plain = ["model.path=\(fixture("tiny-bert"))", "model.style=bge-m3", "model.dimension=24", "run.steps=1"]
    try run.finish(plain.flatMap { ["--set", $0] })
    let ended = try run.train(
      ["model.path=run/model", "run.directory=again", "loss.objective=unified"].flatMap { ["--set", $0] })
    #expect(ended.status == 64)
    #expect(ended.complaints.joined().contains("the sparse head of run/model is all zeros"), "\(ended.errors)")
  }
}
