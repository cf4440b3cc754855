/// Spells words with the pieces of a unigram language model, such that the product of their probabilities is largest
/// (Kudo 2018, arXiv:1804.10959), by Viterbi's algorithm.
///
/// Scores are added in double precision and a tie goes to the path found first, as in Hugging Face's `tokenizers`.
/// SentencePiece adds in single precision: of 97,781 Debian descriptions 7 had other ids, where two spellings of
/// "000" are equally probable, or nearly.
struct Unigram: Sendable {
  let unknown: Int32
  private let scores: [Double]
  /// Of a scalar that is no piece: ten below the least probable piece.
  private let unknownScore: Double
  private var pieces = ScalarTrie()

  /// Pieces by id. Where two are equal, the later one counts.
  init(pieces: [String], scores: [Float], unknown: Int32) {
    self.scores = scores.map(Double.init)
    self.unknown = unknown
    unknownScore = (self.scores.min() ?? 0) - 10
    for id in pieces.indices.reversed() { self.pieces.insert(pieces[id].scalarValues, Int32(id)) }
  }

  /// The id of one whole piece.
  func id(of piece: String) -> Int32? { pieces[piece.scalarValues] }

  /// The best path to each place of a word, kept from word to word for its memory.
  struct Paths {
    fileprivate var scores: [Double] = []
    /// Where the last piece of the path begins, and its id.
    fileprivate var starts: [Int32] = []
    fileprivate var ids: [Int32] = []
  }

  /// Appends the tokens of `word`, which is not empty. Scalars that are no piece give one unknown token together with
  /// their neighbours.
  func append(_ word: [UInt32], to ids: inout [Int32], paths: inout Paths) {
    findPaths(to: word, &paths)
    let count = ids.count
    var end = word.count
    while end > 0 {
      let id = paths.ids[end]
      if id != unknown || ids.count == count || ids[ids.count - 1] != unknown { ids.append(id) }
      end = Int(paths.starts[end])
    }
    ids[count...].reverse()
  }

  private func findPaths(to word: [UInt32], _ paths: inout Paths) {
    while paths.scores.count <= word.count {
      paths.scores.append(0)
      paths.starts.append(0)
      paths.ids.append(0)
    }
    for end in 1...word.count { paths.scores[end] = -.infinity }
    for start in word.indices {
      let score = paths.scores[start]
      var hasPiece = false
      pieces.forEachPrefix(of: word, from: start, to: word.count) { id, end in
        if end == start + 1 { hasPiece = true }
        Self.extend(&paths, from: start, to: end, id: id, score: score + scores[Int(id)])
      }
      if !hasPiece { Self.extend(&paths, from: start, to: start + 1, id: unknown, score: score + unknownScore) }
    }
  }

  private static func extend(_ paths: inout Paths, from start: Int, to end: Int, id: Int32, score: Double) {
    guard score > paths.scores[end] else { return }
    paths.scores[end] = score
    paths.starts[end] = Int32(truncatingIfNeeded: start)
    paths.ids[end] = id
  }
}
