import Datasets
import LateInteraction
import Tensors
import Tokenizers

/// The first batches' queries with their documents, tokenized: what batches of any size are planned from.
struct SampledSlots {
  let slots: [TokenizedSlot]
  /// How many of `slots`, from the first on, have how many different ids together: one number a slot.
  private let wordCounts: [Int]

  private static let sampledQueries = 2_000

  init(
    _ data: TrainingData, _ sampler: Sampler, _ random: RandomDocuments?, _ input: InputTokenizer
  ) throws {
    var slots: [TokenizedSlot] = []
    var words: Set<Int32> = []
    var counts: [Int] = []
    var step = 0
    while slots.count < min(Self.sampledQueries, sampler.rowsPerEpoch), step < sampler.stepsPerEpoch {
      for slot in sampler.batch(step).slots.prefix(Self.sampledQueries - slots.count) {
        let texts = try TokenizedSlot(slot, of: data, random, input)
        slots.append(texts)
        for text in texts.texts { words.formUnion(text.ids) }
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
      slot.texts.reduce(sum) { $0 + $1.keyCount }
    }
    return Double(tokens) / Double(slots.count)
  }

  /// The first slots that have at most `tokens` tokens together, at least one.
  func first(tokens limit: Int) -> [TokenizedSlot] {
    var tokens = 0
    let count = slots.prefix { slot in
      tokens += slot.tokenCount
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

  /// The shares of the first `count` of so many ranks in a batch of `queries`, the sample being gone through again and again.
  func shares(
    ofBatch batch: Int, queries: Int, first count: Int, of rankCount: Int, accumulation: Int
  ) -> [SampledShare] {
    let members = (0..<queries).map { slots[(batch * queries + $0) % slots.count] }
    let tokenCounts = members.map(\.tokenCount)
    let shares = deal(tokenCounts, among: rankCount)
    let all = SampledChunk(members)
    let mostDocuments = shares.map { share in share.reduce(0) { $0 + members[$1].documents.count } }.max() ?? 0
    return shares.prefix(count).map { share in
      let chunks = BatchBuilder.chunks(of: share, tokenCounts, accumulation: accumulation)
      return SampledShare(
        chunks: chunks.map { SampledChunk($0.map { members[$0] }) },
        allQueries: TextCounts(texts: all.queries.texts, vectors: all.queries.vectors),
        allDocuments: TextCounts(texts: all.documents.texts, vectors: all.documents.vectors),
        mostDocuments: mostDocuments, words: words(queries: queries))
    }
  }
}

extension SampledChunk {
  fileprivate init(_ slots: [TokenizedSlot]) {
    for slot in slots {
      queries.add(slot.query)
      for document in slot.documents { documents.add(document) }
    }
  }
}
