import Datasets
import LateInteraction
import Tensors
import Tokenizers

/// A query of a batch and its documents, tokenized.
struct SlotTexts {
  let query: TokenizedText
  let documents: [TokenizedText]
}

/// The first batches' queries with their documents, tokenized: what batches of any size are planned from.
struct SampledSlots {
  let slots: [SlotTexts]
  /// How many of `slots`, from the first on, have how many different ids together: one number a slot.
  private let wordCounts: [Int]

  private static let sampledQueries = 2_000

  init(_ data: TrainingData, _ sampler: Sampler, _ input: InputTokenizer) throws {
    var slots: [SlotTexts] = []
    var words: Set<Int32> = []
    var counts: [Int] = []
    var step = 0
    while slots.count < min(Self.sampledQueries, data.count), step < sampler.stepsPerEpoch {
      for slot in sampler.batch(step).slots.prefix(Self.sampledQueries - slots.count) {
        let row = try data.row(slot.row)
        let texts = SlotTexts(
          query: input.tokenize((row.prompt ?? "") + row.query, as: .query),
          documents: row.documents(of: slot).map { input.tokenize($0, as: .document) })
        slots.append(texts)
        for text in [texts.query] + texts.documents { words.formUnion(text.ids) }
        counts.append(words.count)
      }
      step += 1
    }
    self.slots = slots
    wordCounts = counts
  }

  /// The tokens that attention can ask, of a query with its documents.
  var realTokensPerQuery: Double {
    let tokens = slots.reduce(0) { sum, slot in
      ([slot.query] + slot.documents).reduce(sum) { $0 + $1.keyCount }
    }
    return Double(tokens) / Double(slots.count)
  }

  /// The first slots that have at most `tokens` tokens together, at least one.
  func first(tokens limit: Int) -> [SlotTexts] {
    var tokens = 0
    let count = slots.prefix { slot in
      tokens += ([slot.query] + slot.documents).reduce(0) { $0 + $1.ids.count }
      return tokens <= limit
    }.count
    return Array(slots.prefix(max(1, count)))
  }

  /// About how many different ids a batch of `queries` has.
  ///
  /// Beyond the sample they grow by a power that the sample shows (Heaps, "Information Retrieval", 1978, 7.5).
  func words(queries: Int) -> Int {
    guard queries > wordCounts.count else { return wordCounts[queries - 1] }
    let (all, half) = (Double(wordCounts.last!), Double(wordCounts[(wordCounts.count - 1) / 2]))
    let power = wordCounts.count > 1 ? logarithm(all / half) / logarithm(2) : 1
    return Int(all * exponential(power * logarithm(Double(queries) / Double(wordCounts.count))))
  }

  /// What `queries` slots from `first` on come to when they are a rank's share in a batch of `batchQueries`.
  func share(from first: Int, queries: Int, accumulation: Int, mostQueries: Int, batchQueries: Int) -> SampledShare {
    let sizes = (0..<queries).map { slots[(first + $0) % slots.count] }
    let chunks = (0..<accumulation).map { sizes.indices.part($0, of: accumulation) }.filter { !$0.isEmpty }.map {
      range in
      var chunk = SampledChunk()
      for slot in sizes[range] {
        chunk.queries.add(slot.query)
        for document in slot.documents { chunk.documents.add(document) }
      }
      return chunk
    }
    let documents = slots.reduce(0) { $0 + $1.documents.count }
    func ofBatch(_ count: Int) -> Int { count * batchQueries / slots.count }
    func vectors(_ texts: [TokenizedText]) -> Int { texts.reduce(0) { $0 + $1.givesVector.count { $0 } } }
    return SampledShare(
      chunks: chunks,
      allQueries: TextCounts(texts: batchQueries, vectors: ofBatch(vectors(slots.map(\.query)))),
      allDocuments: TextCounts(texts: ofBatch(documents), vectors: ofBatch(vectors(slots.flatMap(\.documents)))),
      mostDocuments: (mostQueries * documents + slots.count - 1) / slots.count, words: words(queries: batchQueries))
  }
}
