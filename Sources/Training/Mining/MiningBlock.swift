import Datasets

/// The queries that are searched for at once, with the documents that are scored but not taken.
struct MiningBlock {
  /// Numbers of rows of the training files.
  let rows: Range<Int>
  /// For each query its excluded documents: `exclusions[starts[q] ..< starts[q + 1]]`.
  let exclusions: [Exclusion]
  let starts: [Int]
  /// What is searched, by number: the corpus, and behind it the positives of these rows that it lacks.
  let searched: SearchedDocuments
  /// The places among `exclusions` of each document.
  private let places: [Int: [Int]]

  struct Exclusion {
    /// Of the block.
    let query: Int
    let document: Int
  }

  init(_ rows: Range<Int>, of pool: DocumentPool) throws {
    self.rows = rows
    var exclusions: [Exclusion] = []
    var starts = [0]
    for (query, row) in rows.enumerated() {
      exclusions += try pool.excluded(ofRow: row).map { Exclusion(query: query, document: $0) }
      starts.append(exclusions.count)
    }
    self.exclusions = exclusions
    self.starts = starts
    places = Dictionary(grouping: exclusions.indices) { exclusions[$0].document }
    let missing = Set(rows.flatMap(pool.positives(ofRow:)).filter { $0 >= pool.candidateCount }).sorted()
    searched = SearchedDocuments(candidateCount: pool.candidateCount, missing: missing)
  }

  /// The places among `exclusions` where a document stands.
  func places(of document: Int) -> [Int] { places[document] ?? [] }

  /// The place among `exclusions` of a query's document.
  func place(query: Int, document: Int) -> Int {
    exclusions[starts[query]..<starts[query + 1]].firstIndex { $0.document == document }!
  }
}

/// The documents that a block is searched in, in order: all candidates, then some that are scored alone.
struct SearchedDocuments {
  let candidateCount: Int
  let missing: [Int]

  var count: Int { candidateCount + missing.count }

  /// The number in the pool of the document at `place`.
  subscript(place: Int) -> Int { place < candidateCount ? place : missing[place - candidateCount] }
}
