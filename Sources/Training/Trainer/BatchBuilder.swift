package import Datasets
import LateInteraction
import Tensors
package import Tokenizers

/// Reads and tokenizes a rank's share of each global batch: a pure function of the step.
package struct BatchBuilder: Sendable {
  private let data: TrainingData
  private let sampler: Sampler
  private let input: InputTokenizer
  private let accumulation: Int
  private let rank: Int
  private let rankCount: Int

  package init(
    data: TrainingData, sampler: Sampler, input: InputTokenizer, accumulation: Int, rank: Int, rankCount: Int
  ) {
    self.data = data
    self.sampler = sampler
    self.input = input
    self.accumulation = accumulation
    self.rank = rank
    self.rankCount = rankCount
  }

  /// The rows of the global batch at `step`, in its order.
  package func plan(_ step: Int) -> BatchPlan { sampler.batch(step) }

  /// This rank's share of the global batch at `step`.
  package func batch(_ step: Int) throws -> RankBatch {
    let plan = plan(step)
    let share = plan.share(rank: rank, rankCount: rankCount)
    let starts = plan.slots.reduce(into: [0]) { $0.append($0.last! + 1 + $1.negatives.count) }
    let rows = try share.map { try data.row(plan.slots[$0].row) }
    let chunks = plan.chunks(of: share, accumulation: accumulation).map { slots in
      chunk(slots.map { (slot: $0, chosen: plan.slots[$0], row: rows[$0 - share.lowerBound]) })
    }
    let targets = zip(share, rows).map { slot, row in
      QueryTarget(columns: starts[slot]..<starts[slot + 1], teacherScores: row.teacherScores(of: plan.slots[slot]))
    }
    return RankBatch(
      chunks: chunks, globalQueryCount: plan.slots.count, globalDocumentCount: starts.last!, targets: targets)
  }

  private func chunk(_ rows: [(slot: Int, chosen: BatchPlan.Slot, row: TrainingRow)]) -> Chunk {
    var queries: [PlacedText] = []
    var documents: [PlacedText] = []
    for (slot, chosen, row) in rows {
      queries.append(placed((row.prompt ?? "") + row.query, .query, Place(slot: slot, text: 0)))
      for (k, text) in row.documents(of: chosen).enumerated() {
        documents.append(placed(text, .document, Place(slot: slot, text: 1 + k)))
      }
    }
    return Chunk(queries: queries, documents: documents)
  }

  private func placed(_ text: String, _ role: TextRole, _ place: Place) -> PlacedText {
    let tokens = input.tokenize(text, as: role)
    return PlacedText(ids: tokens.ids, keyCount: tokens.keyCount, givesVector: tokens.givesVector, place: place)
  }
}
