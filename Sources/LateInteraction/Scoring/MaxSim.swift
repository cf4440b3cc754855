package import Tensors

/// Vectors of several texts end to end: text `i` is rows `starts[i] ..< starts[i + 1]` of `[vectors × dimension]`.
package struct TextVectors {
  package let rows: Matrix
  package let starts: [Int]

  package init(rows: Matrix, starts: [Int]) {
    precondition(starts.last! == rows.rows, "starts end at \(starts.last!) in \(rows.rows) rows")
    self.rows = rows
    self.starts = starts
  }

  package var count: Int { starts.count - 1 }

  /// The number of each text's vectors.
  package var lengths: [Int] { (0..<count).map(rowCount) }

  func rowCount(_ text: Int) -> Int { starts[text + 1] - starts[text] }
}

/// Scores, and the winners that the backward pass needs.
package struct MaxSimResult: ~Copyable {
  private let storage: Storage
  /// `[queries × documents]`.
  package let scores: Matrix
  /// `[query tokens × documents]`.
  package let winners: WinnerTable?

  init(queryCount: Int, documentCount: Int, winners: WinnerTable?) {
    storage = Storage(zeros: queryCount * documentCount)
    scores = storage.matrix(rows: queryCount, columns: documentCount)
    self.winners = winners
  }
}

/// Scores every query against every document by late interaction: the sum over query tokens of the best match.
///
/// The similarities never exist whole: tiles of them go through one product and a running maximum. A document whose
/// every similarity is negative keeps its negative score.
/// - Parameters:
///   - queries: vectors of unit length.
///   - documents: vectors of unit length; every document has at least one.
///   - keepsWinners: whether `maxSimBackward` follows.
/// - Source: Khattab & Zaharia, "ColBERT", SIGIR 2020, equation 3; BGE-M3 divides by the number of query vectors.
package func maxSim(
  _ queries: TextVectors, _ documents: TextVectors, reduction: ScoreReduction, keepsWinners: Bool, on pool: ThreadPool
) -> MaxSimResult {
  let lengths = documents.lengths
  precondition(lengths.allSatisfy { $0 > 0 }, "a document without vectors has no score")
  let winners =
    keepsWinners
    ? WinnerTable(rows: queries.rows.rows, columns: documents.count, longestDocument: lengths.max() ?? 0) : nil
  let result = MaxSimResult(queryCount: queries.count, documentCount: documents.count, winners: winners)
  let tiles = tiles(queries, documents)
  pool.forEachBlock(tiles.count) { index in
    Tensors.maxSim(
      tiles[index], queries: queries.rows, queryStarts: queries.starts, documents: documents.rows,
      documentStarts: documents.starts, into: result.scores, winners: winners)
  }
  scaleRows(result.scores, by: reduction.factors(queries))
  return result
}

/// Pulls ∂loss/∂scores back to the vectors through the winning tokens; adds to both gradients.
///
/// - Parameters:
///   - upstream: `[queries × documents]`; overwritten.
///   - winners: as `maxSim` kept them.
///   - queryGradient: `[query tokens × dimension]`.
///   - documentGradient: `[document tokens × dimension]`.
package func maxSimBackward(
  _ upstream: Matrix, _ queries: TextVectors, _ documents: TextVectors, reduction: ScoreReduction,
  winners: WinnerTable, into queryGradient: Matrix, _ documentGradient: Matrix, on pool: ThreadPool
) {
  scaleRows(upstream, by: reduction.factors(queries))
  pool.forEachBlock(queries.count) { query in
    maxSimQueryBackward(
      query: query, upstream: upstream, queryStarts: queries.starts, documents: documents.rows,
      documentStarts: documents.starts, winners: winners, into: queryGradient)
  }
  pool.forEachBlock(documents.count) { document in
    maxSimDocumentBackward(
      document: document, upstream: upstream, queries: queries.rows, queryStarts: queries.starts,
      documentStarts: documents.starts, winners: winners, into: documentGradient)
  }
}

extension ScoreReduction {
  /// What each query's sum is multiplied by.
  fileprivate func factors(_ queries: TextVectors) -> [Float] {
    (0..<queries.count).map { query in
      switch self {
      case .sum: 1
      case .mean: 1 / Float(max(1, queries.rowCount(query)))
      }
    }
  }
}

/// Tiles of whole queries (up to 256 tokens together) and whole documents (up to 1,024).
private func tiles(_ queries: TextVectors, _ documents: TextVectors) -> [MaxSimTile] {
  let rows = groups(queries.starts, atMost: 256)
  let columns = groups(documents.starts, atMost: 1_024)
  return columns.flatMap { documents in rows.map { MaxSimTile(queries: $0, documents: documents) } }
}

/// Cuts texts into runs of consecutive ones with at most `limit` tokens together, or of one that is longer.
private func groups(_ starts: [Int], atMost limit: Int) -> [Range<Int>] {
  var groups: [Range<Int>] = []
  var first = 0
  for text in 0..<max(0, starts.count - 1) where text > first && starts[text + 1] - starts[first] > limit {
    groups.append(first..<text)
    first = text
  }
  if first < starts.count - 1 { groups.append(first..<starts.count - 1) }
  return groups
}
