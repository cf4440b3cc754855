import LateInteraction

/// What travels between ranks so that every query meets every document of the global batch.
package struct ExchangeSettings: Sendable {
  package var gather: Configuration.Gather
  /// How many bytes of gathered documents and their gradients a rank may hold; more come in blocks.
  package var gatherBytes: Int
  /// Whose documents a query is told from; if not the whole batch's, nothing travels.
  package var scope: Configuration.Scope

  package init(
    gather: Configuration.Gather = .documents, gatherBytes: Int = Configuration.Negatives().gatherBytes,
    scope: Configuration.Scope = .global
  ) {
    self.gather = gather
    self.gatherBytes = gatherBytes
    self.scope = scope
  }

  init(_ negatives: Configuration.Negatives) {
    self.init(gather: negatives.gather, gatherBytes: negatives.gatherBytes, scope: negatives.scope)
  }
}

/// How one batch is exchanged.
enum ExchangePlan: Equatable {
  case documents(blockCount: Int)
  case queries
  /// Each rank's queries meet its own documents, or fewer.
  case nothing

  init(_ settings: ExchangeSettings, _ traffic: ExchangeTraffic) {
    guard settings.scope == .global else {
      self = .nothing
      return
    }
    let blockCount = traffic.blockCount(atMost: settings.gatherBytes)
    self =
      switch settings.gather {
      case .documents: .documents(blockCount: blockCount)
      case .queries: .queries
      case .auto:
        traffic.queryBytes < traffic.documentBytes(blockCount: blockCount)
          ? .queries : .documents(blockCount: blockCount)
      }
  }

  /// How many vectors each chunk of each rank brings to what every rank gathers; nil if that comes in blocks.
  func gatheredRowCounts(_ brought: BroughtTexts) -> [[Int]]? {
    switch self {
    case .documents(let blockCount): blockCount == 1 ? brought.documentRowCounts : nil
    case .queries: brought.queryRowCounts
    case .nothing: nil
    }
  }

  /// In how many blocks documents come.
  var blockCount: Int { if case .documents(let blockCount) = self { blockCount } else { 1 } }
}

/// Which scores a batch is exchanged for.
struct ScoredHeads: Equatable {
  var heads = Heads.colbert
  /// Of the ColBERT head, beside the whole vectors' dimension.
  var narrower: [Int] = []

  /// How many there are for each pair of a query and a document.
  var scoreCount: Int { (heads == .colbert ? 1 : 3) + narrower.count }
}

extension ScoredHeads {
  init(_ objective: Objective) { self.init(heads: objective.heads, narrower: objective.narrowerDimensions) }
}

/// What one batch's exchange comes to, in floats; the same on every rank.
struct ExchangeTraffic {
  /// What the heads make of the queries, and of the documents, of all ranks.
  let queryFloats: Int
  let documentFloats: Int
  /// One for each pair of a query and a document, and head.
  private let scores: Int
  /// The documents of the rank that has most: there can be no more blocks.
  private let mostDocuments: Int
  private let rankCount: Int

  /// - Parameters:
  ///   - queries: those of all ranks together.
  ///   - mostDocuments: the documents of the rank that has most.
  init(
    queries: TextCounts, documents: TextCounts, mostDocuments: Int, _ scored: ScoredHeads, shape: HeadShape,
    rankCount: Int
  ) {
    let heads = scored.heads
    // Of the sparse head a weight and an id at most for each vector: half of them come back as a gradient.
    func floats(_ all: TextCounts) -> Int {
      heads == .colbert ? all.vectors * shape.dimension : all.vectors * (shape.dimension + 2) + all.texts * shape.width
    }
    queryFloats = floats(queries)
    documentFloats = floats(documents)
    scores = queries.texts * documents.texts * scored.scoreCount
    self.mostDocuments = mostDocuments
    self.rankCount = rankCount
  }

  init(_ brought: BroughtTexts, _ scored: ScoredHeads, shape: HeadShape) {
    func sizes(_ lengths: [[Int]]) -> TextCounts {
      TextCounts(texts: lengths.reduce(0) { $0 + $1.count }, vectors: lengths.joined().reduce(0, +))
    }
    self.init(
      queries: sizes(brought.queryLengths), documents: sizes(brought.documentLengths),
      mostDocuments: brought.documentLengths.map(\.count).max() ?? 0, scored, shape: shape,
      rankCount: brought.queryLengths.count)
  }

  init(_ share: SampledShare, _ scored: ScoredHeads, shape: HeadShape, rankCount: Int) {
    self.init(
      queries: share.allQueries, documents: share.allDocuments, mostDocuments: share.mostDocuments, scored,
      shape: shape, rankCount: rankCount)
  }

  /// The documents and their gradients.
  private var gatheredBytes: Int { 8 * documentFloats }

  func blockCount(atMost bytes: Int) -> Int {
    max(1, min(mostDocuments, (gatheredBytes + bytes - 1) / bytes))
  }

  /// What a rank sends at least, as a mean over the ranks: documents once for the scores, their gradients, and in several
  /// blocks the documents again.
  func documentBytes(blockCount: Int) -> Double {
    Traffic.share(4 * documentFloats * (blockCount > 1 ? 3 : 2), rankCount)
  }

  func bytes(_ plan: ExchangePlan) -> Double {
    switch plan {
    case .documents(let blockCount): documentBytes(blockCount: blockCount)
    case .queries: queryBytes
    case .nothing: 0
    }
  }

  /// Of the other plan: queries and their gradients; each rank's part of the scores and their gradients.
  var queryBytes: Double {
    Traffic.share(8 * queryFloats, rankCount) + Traffic.share(8 * scores, rankCount) / Double(rankCount)
  }
}
