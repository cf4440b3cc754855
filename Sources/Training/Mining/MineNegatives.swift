package import Communication
import Datasets
import LateInteraction
import Logging
import Tensors
import Tokenizers

/// Writes the rows of the training files with negatives that `model` finds for them, and gives a report for people, on
/// rank 0; nil if a signal stopped it before it was done. Collective: every rank calls it.
///
/// What a killed run has come to is kept beside the output; the same call goes on with it, on any number of ranks, to the
/// same bytes.
package func mineNegatives(
  model path: String, configuration: Configuration, output: String, communicator: any Communicator, console: Console
) throws -> MiningSummary? {
  communicator.timeout = .seconds(configuration.run.timeout)
  let mining = try MiningRun(path, configuration, output: output, communicator: communicator, console: console)
  return try mining.run()
}

/// A search for negatives in progress: block after block of queries, each through the whole corpus.
final class MiningRun {
  private let configuration: Configuration
  private let communicator: any Communicator
  private let console: Console
  private let data: TrainingData
  private let pool: DocumentPool
  private let search: MiningSearch
  private let rows: MinedRows
  private let folder: MiningFolder
  private let blocks: [Range<Int>]
  /// No score is larger.
  private let scoreBound: Float

  /// Memory for the queries that are searched for at once: their vectors and what is found for them.
  static let blockBytes = 1 << 30

  /// Collective: every rank calls it.
  init(
    _ path: String, _ configuration: Configuration, output: String, blockBytes: Int = MiningRun.blockBytes,
    communicator: any Communicator, console: Console
  ) throws {
    (self.configuration, self.communicator, self.console) = (configuration, communicator, console)
    let precision = try communicator.agreedPrecision(configuration.model.precision, console: console)
    let settings = ModelSettings(configuration, path: path, precision: precision).forEvaluation
    let corpus = configuration.mining.corpus.map(PathCheck.corpusFile)
    let (model, data, pool) = try communicator.together("loading the model and the texts") {
      let model = try LoadedModel(settings, trains: false, on: ThreadPool.forRank())
      let data = try TrainingData(paths: configuration.data.train.map(\.path))
      return (model, data, try DocumentPool(data, corpus: corpus))
    }
    (self.data, self.pool) = (data, pool)
    search = MiningSearch(
      exact: ExactSearch(model: model, communicator: communicator), data: data, pool: pool,
      length: min(configuration.mining.lastRank, max(1, pool.candidateCount)))
    let temperature =
      configuration.mining.temperature ?? configuration.loss.temperature ?? model.folder.style.temperature
    let emptyLength = model.input.tokenize("", as: .document).ids.count
    rows = MinedRows(
      data: data, pool: pool,
      rules: MiningRules(configuration.mining, temperature: temperature, seed: UInt64(configuration.run.seed)),
      wanted: configuration.mining.negatives,
      isEmpty: { model.input.tokenize($0, as: .document).ids.count == emptyLength })
    let lengths = try search.queryLengths()
    scoreBound = model.model.reduction == .mean ? 1 : Float(max(1, lengths.max()!))
    let (vectorBytes, foundBytes) = (model.model.head.shape.dimension * 4, search.length * 40)
    let bytes = lengths.map { $0 * vectorBytes + foundBytes }
    blocks = MiningRun.blocks(bytes, atMost: blockBytes)
    folder = MiningFolder(output: output)
    try open(model, corpus)
  }

  /// Collective: every rank calls it.
  private func open(_ model: LoadedModel, _ corpus: String?) throws {
    let digests = [
      "the model": try communicator.digests(ofSameFiles: model.folder.files),
      "the training files": try communicator.digests(ofSameFiles: configuration.data.train.map(\.path)),
      "the corpus": try communicator.digests(ofSameFiles: corpus.map { [$0] } ?? []),
    ]
    try communicator.onRoot("opening \(folder.path)") { () -> Void in
      try folder.open(MiningTask(configuration, model.model.encoder.precision, digests: digests))
    }
    for notice in model.notices { console.logger.info("\(notice)") }
    if model.hasNewHead {
      console.logger.warning(
        "\(model.folder.path) has no ColBERT head: a random one searches, seed \(configuration.run.seed)")
    }
    console.logger.info(
      """
      searching \(pool.candidateCount) documents for \(data.count) queries with \(model.folder.path) on \
      \(communicator.rankCount) rank\(communicator.rankCount == 1 ? "" : "s")
      """)
    for (what, count) in [("repeat an earlier one", pool.repetitions), ("are empty", pool.blanks)] where count > 0 {
      console.logger.info("documents left out because they \(what): \(count)")
    }
    if pool.candidateCount < configuration.mining.negatives {
      console.logger.warning(
        "the corpus has \(pool.candidateCount) documents, fewer than mining.negatives: \(configuration.mining.negatives)"
      )
    }
  }

  /// Collective: every rank calls it.
  func run() throws -> MiningSummary? {
    var report = MiningReport(bound: scoreBound)
    for (number, rows) in blocks.enumerated() {
      let finished = try communicator.onRoot("looking at \(folder.path)") { folder.report(ofBlock: number) }
      guard let own = try finished ?? mine(number, rows) else { return nil }
      report.merge(own)
    }
    try communicator.onRoot("writing the mined rows") { try folder.finish(blockCount: blocks.count) }
    let corpus = MinedCorpus(
      documents: pool.candidateCount, repetitions: pool.repetitions, blanks: pool.blanks)
    return try MiningSummary(report, configuration.mining, corpus)
  }

  /// Searches for a block's queries and writes their rows; nil if it was stopped. Collective: every rank calls it.
  private func mine(_ number: Int, _ rows: Range<Int>) throws -> MiningReport? {
    let block = try communicator.together("reading the queries") { try MiningBlock(rows, of: pool) }
    guard let found = try searched(block, number: number) else { return nil }
    if found.emptyDocuments > 0 {
      console.logger.info("documents left out because no token is left of them: \(found.emptyDocuments)")
    }
    return try communicator.onRoot("writing the rows of \(data.location(rows.lowerBound)) and on") {
      let (lines, report) = try self.rows.lines(block, found, bound: scoreBound)
      try folder.finish(block: number, lines: lines, report)
      return report
    }
  }

  /// What is found for a block, complete on rank 0; nil if a signal stopped the search. Collective: every rank calls it.
  private func searched(_ block: MiningBlock, number: Int) throws -> FoundDocuments? {
    let queries = try search.encodeQueries(block)
    let saved = communicator.rank == 0 ? folder.progress(ofBlock: number) : nil
    var progress =
      saved
      ?? MiningProgress(
        block: number, found: FoundDocuments(queryCount: block.rows.count, length: search.length))
    progress.done = try communicator.allGather([progress.done])[0][0]
    if progress.done > 0 { console.logger.info("going on after \(progress.done) documents") }
    let (start, first) = (ContinuousClock.now, progress.done)
    while progress.done < block.searched.count {
      let bounds = try communicator.allGather(progress.found.bounds.map { Int($0.bitPattern) })[0]
      let places =
        progress
        .done..<min(
          block.searched.count, progress.done + MiningSearch.documentsAtOnce * communicator.rankCount)
      let found = try search.search(
        places, of: block, queries, bounds: bounds.map { Float(bitPattern: UInt32($0)) })
      if communicator.rank == 0 { progress.found.merge(found) }
      progress.done = places.upperBound
      try communicator.onRoot("saving the search") { try folder.save(progress) }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      let left = seconds * Double(block.searched.count - progress.done) / Double(progress.done - first)
      console.logger.info(
        """
        \(blocks.count > 1 ? "queries \(number + 1)/\(blocks.count): " : "")\(progress.done) of \
        \(block.searched.count) documents, \(ProgressFormat.duration(left)) left
        """)
      if try communicator.allGather([StopSignal.isRequested ? 1 : 0]).joined().contains(1) {
        console.logger.info("stopped by a signal; the same command goes on from \(folder.path)")
        return nil
      }
    }
    return progress.found
  }

  /// Consecutive queries that take at most `limit` bytes together, or one that takes more.
  private static func blocks(_ bytes: [Int], atMost limit: Int) -> [Range<Int>] {
    var blocks: [Range<Int>] = []
    var (first, sum) = (0, 0)
    for (query, size) in bytes.enumerated() {
      if query > first, sum + size > limit {
        blocks.append(first..<query)
        (first, sum) = (query, 0)
      }
      sum += size
    }
    return blocks + [first..<bytes.count]
  }
}

extension MiningSearch {
  /// How many vectors each query has, from all rows of the data. Collective: every rank calls it.
  func queryLengths() throws -> [Int] {
    let share = exact.communicator.share(of: data.count)
    let own = try exact.communicator.together("reading the queries") {
      try share.map { row in
        exact.model.input.tokenize(try data.row(row).promptedQuery, as: .query).givesVector.count { $0 }
      }
    }
    return try exact.communicator.allGather(own).flatMap { $0 }
  }
}
