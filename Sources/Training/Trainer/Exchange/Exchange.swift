import Communication
import LateInteraction
import Tensors

/// One step's meeting of a rank's queries with the documents of all ranks: scores first, then their gradients.
///
/// There are two plans. They give the same bits of scores, and gradients that differ in nothing but the order of sums.
protocol Exchange: AnyObject {
  /// `[own queries × documents of the global batch]` of each head; the loss leaves ∂loss/∂scores in their place.
  var scores: ScoreMatrices { get }

  /// Pulls ∂loss/∂scores back to what the heads made of own queries and own documents, summed over the ranks.
  ///
  /// Collective: every rank calls it, once.
  func gradients() throws -> (queries: EncodedTexts, documents: EncodedTexts)
}

/// What every rank brings to an exchange, as all ranks know it.
struct BroughtTexts {
  /// How many vectors each query of each rank has.
  let queryLengths: [[Int]]
  let documentLengths: [[Int]]
  /// How many vectors the queries of each chunk of each rank have together.
  let queryRowCounts: [[Int]]
  let documentRowCounts: [[Int]]
  /// Where in the global batch each document of each rank stands.
  let documentColumns: [[Int]]
  /// The documents of the global batch.
  let documentCount: Int

  /// Collective: every rank calls it.
  init(_ batch: RankBatch, _ communicator: any Communicator) throws {
    let lists = [
      batch.chunks.flatMap(\.queryLengths), batch.chunks.flatMap(\.documentLengths),
      batch.chunks.map { $0.queryLengths.reduce(0, +) }, batch.chunks.map { $0.documentLengths.reduce(0, +) },
      batch.documentColumns,
    ]
    let all = try communicator.allGather(lists.flatMap { [$0.count] + $0 }).map { numbers in
      var rest = numbers[...]
      return lists.map { _ in
        let count = rest.removeFirst()
        defer { rest.removeFirst(count) }
        return Array(rest.prefix(count))
      }
    }
    queryLengths = all.map { $0[0] }
    documentLengths = all.map { $0[1] }
    queryRowCounts = all.map { $0[2] }
    documentRowCounts = all.map { $0[3] }
    documentColumns = all.map { $0[4] }
    documentCount = batch.globalDocumentCount
  }

  var queryCount: Int { queryLengths.reduce(0) { $0 + $1.count } }
}

/// What a step lends to its exchange.
struct ExchangeContext {
  let communicator: any Communicator
  let heads: Heads
  let narrow: NarrowScoring
  let reduction: ScoreReduction
  let pool: ThreadPool
  /// For what lasts until the end of the step.
  let arena: Arena
  /// For what is gathered from other ranks, and its gradient.
  let gathered: Arena
}
