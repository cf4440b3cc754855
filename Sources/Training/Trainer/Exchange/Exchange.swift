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
  /// Where in the global batch each document of each rank stands.
  let documentColumns: [[Int]]
  /// The documents of the global batch.
  let documentCount: Int

  /// Collective: every rank calls it.
  init(
    _ queries: EncodedTexts, _ documents: EncodedTexts, of batch: RankBatch, _ communicator: any Communicator
  ) throws {
    let own = [queries.count] + queries.vectors.lengths + documents.vectors.lengths + batch.documentColumns
    let all = try communicator.allGather(own).map { numbers in
      let (queries, rest) = (numbers[1...].prefix(numbers[0]), numbers[1...].dropFirst(numbers[0]))
      return (queries: Array(queries), lengths: rest.prefix(rest.count / 2), columns: rest.suffix(rest.count / 2))
    }
    queryLengths = all.map(\.queries)
    documentLengths = all.map { Array($0.lengths) }
    documentColumns = all.map { Array($0.columns) }
    documentCount = batch.globalDocumentCount
  }

  var queryCount: Int { queryLengths.reduce(0) { $0 + $1.count } }
}

/// What a step lends to its exchange.
struct ExchangeContext {
  let communicator: any Communicator
  let heads: Heads
  let reduction: ScoreReduction
  let pool: ThreadPool
  /// For what lasts until the end of the step.
  let arena: Arena
  /// For what is gathered from other ranks, and its gradient.
  let gathered: Arena
}
