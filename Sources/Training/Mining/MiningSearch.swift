import Communication
import Datasets
import LateInteraction
import Tensors
import Tokenizers

/// Finds the best documents of a block's queries among all of a pool, a part of it after the other.
struct MiningSearch {
  let exact: ExactSearch
  let data: TrainingData
  let pool: DocumentPool
  /// How many of its documents a query keeps.
  let length: Int

  /// How many documents a rank looks at between two savings of what was found.
  static let documentsAtOnce = 1_024

  private var communicator: any Communicator { exact.communicator }

  /// The vectors of a block's queries, on every rank. Collective: every rank calls it.
  func encodeQueries(_ block: MiningBlock) throws -> CollectedVectors {
    try exact.encodeQueries(
      block.rows.count, heads: .colbert, text: { try data.row(block.rows.lowerBound + $0).promptedQuery },
      location: { data.location(block.rows.lowerBound + $0) })
  }

  /// Searches the documents at `places`; what all ranks found is complete on rank 0. Collective: every rank calls it.
  ///
  /// - Parameter bounds: what each query's document must score at least to be of use.
  func search(
    _ places: Range<Int>, of block: MiningBlock, _ queries: CollectedVectors, bounds: [Float]
  ) throws -> FoundDocuments {
    var found = FoundDocuments(queryCount: block.rows.count, length: length)
    let emptyLength = exact.model.input.tokenize("", as: .document).ids.count
    try exact.forEachBlock(
      places, heads: .colbert, text: { try pool.text(block.searched[$0]) },
      location: { pool.location(block.searched[$0]) }
    ) { places, tokens, documents in
      // The result owns its scores.
      let result = exact.scores(queries.vectors, documents.vectors)
      withExtendedLifetime(result) {
        for (column, place) in places.enumerated() {
          let isEmpty = tokens.starts[column + 1] - tokens.starts[column] == emptyLength
          found.take(block.searched[place], result.scores, column: column, isEmpty: isEmpty, of: block, bounds: bounds)
        }
      }
    }
    return try merged(found)
  }

  /// Collective: every rank calls it.
  private func merged(_ own: FoundDocuments) throws -> FoundDocuments {
    guard communicator.rankCount > 1 else { return own }
    var all = FoundDocuments(queryCount: 0, length: length)
    all.best = try exact.merge(own.best, length: length)
    let packed = own.exclusionScores.flatMap { [$0.place, Int($0.score.bitPattern)] }
    for list in try communicator.allGather([own.emptyDocuments] + packed) {
      all.emptyDocuments += list[0]
      for place in stride(from: 1, to: list.count, by: 2) {
        all.exclusionScores.append((list[place], Float(bitPattern: UInt32(list[place + 1]))))
      }
    }
    return all
  }
}

/// What a search has found so far.
struct FoundDocuments {
  /// Each query's best documents, without those excluded.
  var best: [TopDocuments]
  /// Places among a block's exclusions with the scores found there.
  var exclusionScores: [(place: Int, score: Float)] = []
  /// Documents of which only special tokens are left.
  var emptyDocuments = 0
  /// How many documents a query keeps.
  let length: Int

  init(queryCount: Int, length: Int) {
    self.length = length
    best = Array(repeating: TopDocuments(capacity: length), count: queryCount)
  }

  /// No document that scores less is of use to a query any more.
  var bounds: [Float] { best.map(\.bound) }

  /// Takes in a document, whose scores are a column of `[queries × documents]`; −∞ is written where it is excluded.
  ///
  /// - Parameter isEmpty: only its special tokens are left of it: nothing to learn from.
  mutating func take(
    _ document: Int, _ scores: Matrix, column: Int, isEmpty: Bool, of block: MiningBlock, bounds: [Float]
  ) {
    for place in block.places(of: document) {
      let query = block.exclusions[place].query
      exclusionScores.append((place, scores[query, column]))
      scores[query, column] = -.infinity
    }
    if document >= block.searched.candidateCount { return }
    if isEmpty {
      emptyDocuments += 1
      return
    }
    for query in best.indices {
      let score = scores[query, column]
      if score == -.infinity || score < bounds[query] { continue }
      best[query].offer(TopDocuments.Entry(score: score, document: document))
    }
  }

  /// Takes in what was found in other documents.
  mutating func merge(_ other: FoundDocuments) {
    for query in best.indices { best[query].merge(other.best[query]) }
    exclusionScores += other.exclusionScores
    emptyDocuments += other.emptyDocuments
  }
}

extension TrainingRow {
  /// The query as the model gets it.
  var promptedQuery: String { (prompt ?? "") + query }
}
