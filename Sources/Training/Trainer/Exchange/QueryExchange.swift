import Communication
import LateInteraction
import Tensors

/// Gathers the queries of all ranks, which are short, and scores them against own documents; each row of scores goes home
/// to the query's owner, and its gradient comes back. The queries' gradients are summed at their owner.
final class QueryExchange: Exchange {
  let scores: ScoreMatrices
  private let documents: EncodedTexts
  private let brought: BroughtTexts
  private let context: ExchangeContext
  /// Of all ranks.
  private let queries: EncodedTexts
  /// `[queries of all ranks × own documents]`.
  private let scored: HeadScores

  /// Collective: every rank calls it.
  /// - Parameter gather: what gathers the queries' vectors.
  init(
    _ queries: EncodedTexts, _ documents: EncodedTexts, _ brought: BroughtTexts, gather: VectorGather,
    _ context: ExchangeContext
  ) throws {
    (self.documents, self.brought, self.context) = (documents, brought, context)
    self.queries = try context.communicator.allGather(
      queries, lengths: brought.queryLengths, gather: gather, in: context.gathered)
    scored = score(
      self.queries, documents, context.narrow, reduction: context.reduction, in: context.arena, on: context.pool)
    scores = ScoreMatrices(
      zeros: context.heads, narrowerCount: context.narrow.dimensions.count, queries: queries.count,
      documents: brought.documentCount, in: context.arena)
    for (theirs, own) in zip(scored.matrices.all, scores.all) { try sendHome(theirs, to: own) }
  }

  func gradients() throws -> (queries: EncodedTexts, documents: EncodedTexts) {
    for (theirs, own) in zip(scored.matrices.all, scores.all) { try sendBack(own, to: theirs) }
    let queryGradient = queries.zeros(in: context.gathered)
    let documentGradient = documents.zeros(in: context.arena)
    scoreBackward(
      scored, queries, documents, context.narrow, reduction: context.reduction, into: queryGradient, documentGradient,
      on: context.pool)
    let own = try context.communicator.reduceScatterSum(
      queryGradient, textCounts: brought.queryLengths.map(\.count), in: context.gathered)
    return (own, documentGradient)
  }

  /// From `[queries of all ranks × own documents]` to `[own queries × documents of the global batch]`.
  private func sendHome(_ theirs: Matrix, to own: Matrix) throws {
    let parts = context.arena.matrix(rows: own.rows, columns: own.columns)
    try exchange(theirs, into: parts, counts: scoreCounts)
    for (part, columns) in blocks(of: parts) { scatterColumns(part, columns, into: own) }
  }

  /// The other way: the adjoint of `sendHome`.
  private func sendBack(_ own: Matrix, to theirs: Matrix) throws {
    let parts = context.arena.matrix(rows: own.rows, columns: own.columns)
    for (part, columns) in blocks(of: parts) { gatherColumns(own, columns, into: part) }
    let counts = scoreCounts
    try exchange(parts, into: theirs, counts: counts.indices.map { rank in counts.map { $0[rank] } })
  }

  /// How many scores each rank has for each: those of its documents for the other's queries.
  private var scoreCounts: [[Int]] {
    brought.documentLengths.map { documents in brought.queryLengths.map { documents.count * $0.count } }
  }

  /// The scores of own queries from each rank, `[own queries × its documents]`, end to end in `parts`, and those documents' columns.
  private func blocks(of parts: Matrix) -> [(part: Matrix, columns: [Int])] {
    let column = parts.reshaped(rows: parts.count, columns: 1)
    var start = 0
    return brought.documentColumns.map { columns in
      defer { start += parts.rows * columns.count }
      let part = column.rows(start..<start + parts.rows * columns.count)
      return (part.reshaped(rows: parts.rows, columns: columns.count), columns)
    }
  }

  private func exchange(_ outgoing: Matrix, into incoming: Matrix, counts: [[Int]]) throws {
    try outgoing.withSpan { outgoing in
      try incoming.withMutableSpan { try context.communicator.allToAll(outgoing, into: &$0, counts: counts) }
    }
  }
}
