import Communication
import Datasets
import Tensors
import Tokenizers

/// What the texts of some of a run's batches come to in tokens, known before the first of them is trained on.
struct SampledTexts {
  /// The texts of one role, in the sampled batches of all ranks.
  struct Lengths {
    var texts = 0
    var tokens = 0
    var longest = 0
    var truncated = 0
  }

  let queries: Lengths
  let documents: Lengths
  /// This rank's share of each sampled batch.
  let shares: [SampledShare]
  /// How many batches there are to come, those of the sample among them.
  let batches: Int

  private static let sampledQueries = 2_000

  /// Tokenizes batches that lie evenly between `step` and the end of the run, all of them if they have few queries.
  ///
  /// Collective: every rank calls it, and tokenizes its own share.
  init(_ setup: TrainingSetup, from step: Int, communicator: any Communicator) throws {
    batches = max(1, setup.totalSteps - step)
    let count = min(batches, max(1, Self.sampledQueries / setup.configuration.batch.queries))
    let steps = (0..<count).map { [batches] in step + $0 * batches / count }
    let read = try communicator.together("tokenizing a sample of the data") { try steps.map(setup.builder.read) }
    var lengths = (queries: Lengths(), documents: Lengths())
    for slot in read.joined() {
      lengths.queries.add(slot.query)
      for document in slot.documents { lengths.documents.add(document) }
    }
    queries = try communicator.sum(lengths.queries)
    documents = try communicator.sum(lengths.documents)
    shares = try read.map { try SampledShare(setup.builder.deal($0, communicator), communicator) }
  }

  /// Of the queries of this rank's shares; 0 if it has none.
  var vectorsPerQuery: Int {
    let queries = shares.flatMap(\.chunks).reduce(TextSizes()) { $0 + $1.queries }
    return queries.vectors / max(1, queries.texts)
  }

  var description: String {
    func cut(_ lengths: Lengths) -> String {
      let share = ProgressFormat.decimals(100 * Double(lengths.truncated) / Double(max(1, lengths.texts)), 1)
      return "\(lengths.truncated) of \(lengths.texts) (\(share)%) cut short"
    }
    func mean(_ lengths: Lengths) -> String {
      ProgressFormat.decimals(Double(lengths.tokens) / Double(max(1, lengths.texts)), 1)
    }
    return """
      \(shares.count == batches ? "" : "in \(shares.count) of the \(batches) batches to come ")queries have \
      \(mean(queries)) tokens (longest \(queries.longest)), \(cut(queries)); documents \(mean(documents)) (longest \
      \(documents.longest)), \(cut(documents))
      """
  }
}

/// A rank's share of a batch, and what its memory and its exchange depend on beside that.
struct SampledShare {
  let chunks: [SampledChunk]
  /// Of all ranks.
  let allQueries: TextCounts
  let allDocuments: TextCounts
  /// The documents of the rank that has most.
  let mostDocuments: Int
  /// How many different ids the texts of all ranks have.
  let words: Int
}

extension SampledShare {
  /// Collective: every rank calls it, with its share of the same batch.
  init(_ batch: RankBatch, _ communicator: any Communicator) throws {
    let chunks = batch.chunks.map(SampledChunk.init)
    let queries = chunks.reduce(TextSizes()) { $0 + $1.queries }
    let documents = chunks.reduce(TextSizes()) { $0 + $1.documents }
    let own = [queries.texts, queries.vectors, documents.texts, documents.vectors]
    let ids = Set(batch.chunks.flatMap(\.tokens.ids))
    let all = try communicator.allGather(own + ids.map(Int.init))
    func sum(_ place: Int) -> Int { all.reduce(0) { $0 + $1[place] } }
    self.init(
      chunks: chunks, allQueries: TextCounts(texts: sum(0), vectors: sum(1)),
      allDocuments: TextCounts(texts: sum(2), vectors: sum(3)), mostDocuments: all.map { $0[2] }.max() ?? 0,
      words: Set(all.flatMap { $0.dropFirst(own.count) }).count)
  }
}

extension SampledShare {
  /// The documents that a query of the share is scored against; with `own` a mean.
  func documentsMet(_ scope: Configuration.Scope) -> TextCounts {
    switch scope {
    case .global: return allDocuments
    case .rank:
      let own = chunks.reduce(TextSizes()) { $0 + $1.documents }
      return TextCounts(texts: own.texts, vectors: own.vectors)
    case .own:
      let queries = max(1, allQueries.texts)
      return TextCounts(texts: allDocuments.texts / queries, vectors: allDocuments.vectors / queries)
    }
  }
}

/// How many texts there are, and how many vectors they have together.
struct TextCounts: Equatable {
  let texts: Int
  let vectors: Int
}

/// What is encoded at once.
struct SampledChunk {
  var queries = TextSizes()
  var documents = TextSizes()
}

extension SampledChunk {
  fileprivate init(_ chunk: Chunk) {
    let tokens = chunk.tokens
    for text in 0..<tokens.textCount {
      let count = tokens.starts[text + 1] - tokens.starts[text]
      let vectors = tokens.vectorStarts[text + 1] - tokens.vectorStarts[text]
      let role = text < chunk.queryCount ? \SampledChunk.queries : \.documents
      self[keyPath: role].add(tokens: count, keys: tokens.keyCounts[text], vectors: vectors)
    }
  }
}

/// What the memory for texts laid end to end depends on.
struct TextSizes {
  private(set) var texts = 0
  private(set) var tokens = 0
  /// Tokens that attention can ask: no query expansion.
  private(set) var keys = 0
  /// Σ tokens · keys over the texts: each head of attention has as many probabilities.
  private(set) var pairs = 0
  /// Those of the text that has most.
  private(set) var mostPairs = 0
  private(set) var vectors = 0

  mutating func add(_ text: TokenizedText) {
    add(tokens: text.ids.count, keys: text.keyCount, vectors: text.givesVector.count { $0 })
  }

  mutating func add(tokens count: Int, keys: Int, vectors: Int) {
    texts += 1
    tokens += count
    self.keys += keys
    pairs += count * keys
    mostPairs = max(mostPairs, count * keys)
    self.vectors += vectors
  }

  static func + (a: TextSizes, b: TextSizes) -> TextSizes {
    var sum = a
    sum.texts += b.texts
    sum.tokens += b.tokens
    sum.keys += b.keys
    sum.pairs += b.pairs
    sum.mostPairs = max(a.mostPairs, b.mostPairs)
    sum.vectors += b.vectors
    return sum
  }
}

extension SampledTexts.Lengths {
  fileprivate mutating func add(_ text: TokenizedText) {
    texts += 1
    tokens += text.ids.count
    longest = max(longest, text.ids.count)
    truncated += text.isTruncated ? 1 : 0
  }
}

extension Communicator {
  /// Collective: every rank calls it.
  fileprivate func sum(_ lengths: SampledTexts.Lengths) throws -> SampledTexts.Lengths {
    let all = try allGather([lengths.texts, lengths.tokens, lengths.longest, lengths.truncated])
    func sum(_ place: Int) -> Int { all.reduce(0) { $0 + $1[place] } }
    return SampledTexts.Lengths(
      texts: sum(0), tokens: sum(1), longest: all.map { $0[2] }.max() ?? 0, truncated: sum(3))
  }
}
