import Communication
import Datasets
import LateInteraction
import Tensors

/// Gathers the documents of all ranks and scores own queries against them; their gradients are summed at their owner.
///
/// In several blocks no more than one block's documents, and their gradients, are in memory at once. The documents then
/// travel twice: for the scores and for the gradients.
final class DocumentExchange: Exchange {
  let scores: ScoreMatrices
  private let queries: EncodedTexts
  private let documents: EncodedTexts
  private let brought: BroughtTexts
  private let context: ExchangeContext
  private var blocks: [DocumentBlock] = []
  /// The only block's documents.
  private var kept: EncodedTexts?

  /// Collective: every rank calls it, with the same `blockCount`.
  /// - Parameter gather: what gathers the documents' vectors, if there is one block.
  init(
    _ queries: EncodedTexts, _ documents: EncodedTexts, _ brought: BroughtTexts, blockCount: Int,
    gather: VectorGather?, _ context: ExchangeContext
  ) throws {
    (self.queries, self.documents, self.brought, self.context) = (queries, documents, brought, context)
    scores = ScoreMatrices(
      zeros: context.heads, narrowerCount: context.narrow.dimensions.count, queries: queries.count,
      documents: brought.documentCount, in: context.arena)
    for index in 0..<blockCount {
      let ranges = brought.documentLengths.map { $0.indices.part(index, of: blockCount) }
      let gathered =
        if let gather {
          try context.communicator.allGather(
            documents, lengths: brought.documentLengths, gather: gather, in: context.gathered)
        } else { try block(ranges) }
      let scored = score(
        queries, gathered, context.narrow, reduction: context.reduction, in: context.arena, on: context.pool)
      let columns = zip(brought.documentColumns, ranges).flatMap { $0[$1] }
      for (part, whole) in zip(scored.matrices.all, scores.all) { scatterColumns(part, columns, into: whole) }
      blocks.append(DocumentBlock(ranges: ranges, columns: columns, scored: scored))
      if blockCount == 1 { kept = gathered }
    }
  }

  func gradients() throws -> (queries: EncodedTexts, documents: EncodedTexts) {
    let queryGradient = queries.zeros(in: context.arena)
    let documentGradient = kept == nil ? documents.zeros(in: context.arena) : nil
    for block in blocks {
      let gathered = try kept ?? self.block(block.ranges)
      for (part, whole) in zip(block.scored.matrices.all, scores.all) {
        gatherColumns(whole, block.columns, into: part)
      }
      let gradient = gathered.zeros(in: context.gathered)
      scoreBackward(
        block.scored, queries, gathered, context.narrow, reduction: context.reduction, into: queryGradient, gradient,
        on: context.pool)
      let own = try context.communicator.reduceScatterSum(
        gradient, textCounts: block.ranges.map(\.count), in: context.gathered)
      guard let documentGradient else { return (queryGradient, own) }
      documentGradient.texts(block.ranges[context.communicator.rank]).assign(own)
    }
    return (queryGradient, documentGradient!)
  }

  /// The winners `[own query tokens × documents of all ranks]` if there is one block.
  var winners: WinnerTable? { kept == nil ? nil : blocks[0].scored.colbert.winners }

  /// The documents `ranges` of each rank, in the place of the last ones.
  private func block(_ ranges: [Range<Int>]) throws -> EncodedTexts {
    context.gathered.reset()
    return try context.communicator.allGather(
      documents.texts(ranges[context.communicator.rank]),
      lengths: zip(brought.documentLengths, ranges).map { Array($0[$1]) },
      in: context.gathered)
  }
}

/// Some documents of every rank, scored.
private final class DocumentBlock {
  let ranges: [Range<Int>]
  /// Where in the global batch they stand.
  let columns: [Int]
  let scored: HeadScores

  init(ranges: [Range<Int>], columns: [Int], scored: consuming HeadScores) {
    self.ranges = ranges
    self.columns = columns
    self.scored = scored
  }
}
