package import Communication
package import Datasets
import LateInteraction
import Tensors
package import Tokenizers

/// Reads and tokenizes the global batches, and deals each one's queries out to ranks and chunks by length.
///
/// Each rank reads neighbours and hands them round: nobody reads a text twice, and nobody waits for the rank that happened
/// to have the long ones. All of it is a function of the step.
package struct BatchBuilder: Sendable {
  private let data: TrainingData
  private let sampler: Sampler
  private let random: RandomDocuments?
  private let input: InputTokenizer
  private let mask: Configuration.Mask
  private let scope: Configuration.Scope
  private let accumulation: Int
  private let rank: Int
  private let rankCount: Int

  /// - Parameter random: what is drawn for each query beside its row's documents; nil: nothing.
  package init(
    data: TrainingData, sampler: Sampler, random: RandomDocuments? = nil, input: InputTokenizer,
    mask: Configuration.Mask = .none, scope: Configuration.Scope = .global, accumulation: Int, rank: Int, rankCount: Int
  ) {
    self.data = data
    self.sampler = sampler
    self.random = random
    self.input = input
    self.mask = mask
    self.scope = scope
    self.accumulation = accumulation
    self.rank = rank
    self.rankCount = rankCount
  }

  /// The rows of the global batch at `step`, in its order.
  package func plan(_ step: Int) -> BatchPlan { sampler.batch(step) }

  /// What this rank reads of the global batch at `step`.
  package func read(_ step: Int) throws -> [TokenizedSlot] {
    let plan = plan(step)
    return try plan.share(rank: rank, rankCount: rankCount).map { slot in
      try TokenizedSlot(plan.slots[slot], of: data, random, input, hasKeys: mask == .duplicates)
    }
  }

  /// This rank's share of the global batch, of which each rank has read its part.
  ///
  /// Collective: every rank calls it, with what it has read of the same step.
  package func deal(_ own: [TokenizedSlot], _ communicator: any Communicator) throws -> RankBatch {
    let all = try communicator.allGather(own)
    let starts = all.reduce(into: [0]) { $0.append($0.last! + $1.documents.count) }
    let counts = all.map(\.tokenCount)
    let share = Datasets.deal(counts, among: rankCount)[rank]
    let chunks = Self.chunks(of: share, counts, accumulation: accumulation)
    let falseNegatives = mask == .duplicates ? FalseNegatives(all) : nil
    let documentsOfRank = share.map { starts[$0]..<starts[$0 + 1] }
    let targets = chunks.joined().map { slot in
      let documents = starts[slot]..<starts[slot + 1]
      let competing = scope == .global ? nil : scope == .rank ? documentsOfRank : [documents]
      let masked = falseNegatives?.columns(of: all[slot], target: starts[slot]) ?? []
      return QueryTarget(
        columns: documents.lowerBound..<documents.upperBound - all[slot].randomCount,
        randomCount: all[slot].randomCount,
        teacherScores: all[slot].teacherScores,
        masked: competing.map { competing in masked.filter { competing.holds($0) } } ?? masked, scope: competing)
    }
    return RankBatch(
      chunks: chunks.map { Chunk($0.map { (slot: $0, texts: all[$0]) }) }, globalQueryCount: all.count,
      globalDocumentCount: starts.last!, targets: targets)
  }

  /// A share's slots, dealt out to chunks by the tokens that each slot of the batch has; empty chunks are left out.
  static func chunks(of share: [Int], _ tokenCounts: [Int], accumulation: Int) -> [[Int]] {
    Datasets.deal(share.map { tokenCounts[$0] }, among: accumulation).filter { !$0.isEmpty }
      .map { chunk in chunk.map { share[$0] } }
  }
}

extension [Range<Int>] {
  /// Whether one of these ranges, ascending and apart from each other, holds `number`; binary search.
  fileprivate func holds(_ number: Int) -> Bool {
    var places = indices
    while places.count > 1 {
      let middle = places.lowerBound + places.count / 2
      places = self[middle].lowerBound <= number ? middle..<places.upperBound : places.lowerBound..<middle
    }
    return !isEmpty && self[places.lowerBound].contains(number)
  }
}

extension TokenizedSlot {
  /// Reads and tokenizes one slot of a batch.
  init(
    _ slot: BatchPlan.Slot, of data: TrainingData, _ random: RandomDocuments?, _ input: InputTokenizer,
    hasKeys: Bool = false
  ) throws {
    let row = try data.row(slot.row)
    let drawn = try random?.draw(for: row, number: slot.row, pass: slot.pass) ?? []
    self.init(row, slot, random: drawn, input, hasKeys: hasKeys)
  }
}

extension Chunk {
  fileprivate init(_ queries: [(slot: Int, texts: TokenizedSlot)]) {
    func placed(_ text: TokenizedText, _ slot: Int, _ k: Int) -> PlacedText {
      PlacedText(
        ids: text.ids, keyCount: text.keyCount, givesVector: text.givesVector, place: Place(slot: slot, text: k))
    }
    self.init(
      queries: queries.map { placed($0.texts.query, $0.slot, 0) },
      documents: queries.flatMap { query in
        query.texts.documents.enumerated().map { placed($1, query.slot, 1 + $0) }
      })
  }
}
