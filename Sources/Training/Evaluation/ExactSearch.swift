import Communication
import LateInteraction
import Tensors
import Tokenizers

/// Exact scores of many queries and many documents, for whoever ranks: evaluation and mining. The same texts have the same
/// scores, bit for bit, however the work is cut.
struct ExactSearch {
  let model: LoadedModel
  let communicator: any Communicator
  /// How many first components of the vectors count; nil: all.
  var narrowedTo: Int?

  /// The vectors of `count` queries, on every rank. Collective: every rank calls it.
  func encodeQueries(
    _ count: Int, heads: Heads, text: (Int) throws -> String, location: (Int) -> String
  ) throws -> CollectedVectors {
    try CollectedVectors(
      count, TextVectorizer(model: model, role: .query, heads: heads, narrowedTo: narrowedTo),
      communicator: communicator, text: text, location: location)
  }

  /// Encodes this rank's share of the documents `range`, a block after the other. Collective: every rank calls it.
  func forEachBlock(
    _ range: Range<Int>, heads: Heads, text: (Int) throws -> String, location: (Int) -> String,
    _ body: (Range<Int>, TokenBatch, EncodedTexts) throws -> Void
  ) throws {
    let share = communicator.share(of: range.count)
    try communicator.together("searching the corpus") {
      try TextVectorizer(model: model, role: .document, heads: heads, narrowedTo: narrowedTo).forEachBlock(
        range.lowerBound + share.lowerBound..<range.lowerBound + share.upperBound, text: text, location: location, body)
    }
  }

  /// The score of every query and document: `[queries × documents]`.
  func scores(_ queries: TextVectors, _ documents: TextVectors) -> MaxSimResult {
    maxSim(queries, documents, reduction: model.model.reduction, keepsWinners: false, on: model.model.pool)
  }

  /// The best `length` documents over all ranks; complete on rank 0. Collective: every rank calls it.
  ///
  /// A thousand queries at a time, so that a message stays small however many there are.
  func merge(_ best: [TopDocuments], length: Int) throws -> [TopDocuments] {
    guard communicator.rankCount > 1 else { return best }
    var merged: [TopDocuments] = []
    for first in stride(from: 0, to: best.count, by: 1_000) {
      let part = best[first..<min(best.count, first + 1_000)].map(\.ranked)
      // Each query's number of entries, then its entries as pairs of document and score.
      let packed = part.flatMap { entries in
        [entries.count] + entries.flatMap { [$0.document, Int($0.score.bitPattern)] }
      }
      let everyones = try communicator.allGather(packed)
      guard communicator.rank == 0 else { continue }
      var tops = Array(repeating: TopDocuments(capacity: length), count: part.count)
      for list in everyones {
        var position = 0
        for query in tops.indices {
          let count = list[position]
          for entry in stride(from: position + 1, to: position + 1 + 2 * count, by: 2) {
            let score = Float(bitPattern: UInt32(list[entry + 1]))
            tops[query].offer(TopDocuments.Entry(score: score, document: list[entry]))
          }
          position += 1 + 2 * count
        }
      }
      merged += tops
    }
    return merged
  }
}
