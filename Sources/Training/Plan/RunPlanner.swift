import Datasets
import LateInteraction
import Tensors

/// Works out what a configuration takes on so many ranks, from what was measured once.
struct RunPlanner {
  let shape: ModelShape
  let sample: SampledSlots
  let scored: ScoredHeads
  let collection: RetrievalCollection?
  let sampler: Sampler
  let program: Int
  let threadCount: Int
  let rates: StepRates
  let link: RankLink
  /// What a rank may use, in bytes.
  let memory: Int

  /// About how many shares stand for those of all ranks and batches; of whole batches, if the ranks are not more.
  private static let shareCount = 64

  func run(_ configuration: Configuration, rankCount: Int) -> PlannedRun {
    let shares = sampledShares(configuration, rankCount)
    let needs = memoryNeed(configuration, shares, rankCount)
    let works = shares.map { work(of: $0, configuration, rankCount) }
    let seconds = works.map { rates.times($0.whole, forward: $0.forward).total }
    let mean = seconds.reduce(0, +) / Double(seconds.count)
    let traffic = ExchangeTraffic(shares[0], scored, shape: shape.head, rankCount: rankCount)
    let exchange = ExchangeSettings(configuration.negatives)
    let gradients = gradientBytes(configuration, shares[0].words, rankCount)
    let sent = traffic.bytes(ExchangePlan(exchange, traffic)) + gradients
    let operations = works.map(\.whole.operations).reduce(0, +) * Double(rankCount) / Double(works.count)
    let waiting = max(0, slowest(seconds, of: rankCount) - mean)
    let latency = collectives(configuration) * Double(rankCount) * link.secondsPerRank
    let communication = rankCount == 1 ? 0 : sent / link.bytesPerSecond + latency
    let isGathered = exchange.scope == .global
    let blockCount = traffic.blockCount(atMost: exchange.gatherBytes)
    let files = stepMemory(configuration, rankCount).files
    let checkpoint = 3 * 4 * shape.layout.trainedCount
    // The kept ones, the one that is being written, and that of the best evaluation.
    let checkpointCount = configuration.run.keep + 1 + (configuration.evaluation.keepBest == nil ? 0 : 1)
    return PlannedRun(
      ranks: rankCount, queries: configuration.batch.queries, memory: needs, fits: needs.total <= memory,
      mappedFiles: files, operations: operations,
      documentsPlanBytes: isGathered ? traffic.documentBytes(blockCount: blockCount) : 0,
      queriesPlanBytes: isGathered ? traffic.queryBytes : 0, gradientBytes: gradients, computeSeconds: mean,
      waitingSeconds: waiting, communicationSeconds: communication, secondsPerStep: mean + waiting + communication,
      stepsPerEpoch: sampler.stepsPerEpoch(ofBatches: configuration.batch.queries), checkpointDisk: checkpoint,
      totalDisk: checkpointCount * checkpoint + files,
      advice: needs.total <= memory ? [] : advice(configuration, rankCount))
  }

  /// The shares of all ranks in some batches, or of some ranks in one.
  private func sampledShares(_ configuration: Configuration, _ rankCount: Int) -> [SampledShare] {
    (0..<max(1, Self.shareCount / rankCount)).flatMap { batch in
      sample.shares(
        ofBatch: batch, queries: configuration.batch.queries, first: min(rankCount, Self.shareCount), of: rankCount,
        accumulation: configuration.batch.accumulation)
    }
  }

  /// The seconds of a step's slowest rank, as a mean over the sampled batches.
  private func slowest(_ seconds: [Double], of rankCount: Int) -> Double {
    guard rankCount <= seconds.count else {
      return Double(largestNeed(seconds.map { Int($0 * 1e9) }, isWhole: false, draws: rankCount)) / 1e9
    }
    let batches = seconds.count / rankCount
    return (0..<batches).reduce(0) { sum, batch in
      sum + seconds[batch * rankCount..<(batch + 1) * rankCount].max()! / Double(batches)
    }
  }

  /// The work of a share, and what it would be if nothing but the head were trained.
  private func work(
    of share: SampledShare, _ configuration: Configuration, _ rankCount: Int
  ) -> (whole: StepWork, forward: StepWork) {
    let trained = shape.layout.trainedCount
    let updated = configuration.optimizer.sharding == .ranks ? (trained + rankCount - 1) / rankCount : trained
    var computed = shape.encoder
    if shape.readsStates { computed.layerCount = shape.layout.trainedLayerCount }
    return (
      StepWork(
        shape, share, updated: updated, scope: configuration.negatives.scope, narrower: scored.narrower),
      StepWork(
        shape.with(computed, training: .head), share.inOneChunk, updated: updated, scope: configuration.negatives.scope,
        narrower: scored.narrower)
    )
  }

  private func stepMemory(_ configuration: Configuration, _ rankCount: Int) -> StepMemory {
    StepMemory(
      model: shape.with(configuration), scored: scored, threadCount: threadCount, rankCount: rankCount,
      exchange: ExchangeSettings(configuration.negatives), shardsMoments: configuration.optimizer.sharding == .ranks)
  }

  private func memoryNeed(
    _ configuration: Configuration, _ shares: [SampledShare], _ rankCount: Int
  ) -> PlannedRun.Memory {
    let needs = stepMemory(configuration, rankCount)
    func most(_ bytes: (SampledShare) -> Int) -> Int {
      largestNeed(shares.map(bytes), isWhole: false, draws: rankCount * max(2, configuration.run.steps ?? 100))
    }
    let vectorsPerQuery = shares[0].allQueries.vectors / max(1, shares[0].allQueries.texts)
    return PlannedRun.Memory(
      program: program, parametersGradientsAndMoments: needs.state + needs.wordGradients([shares[0].words]),
      activations: most(needs.activations), vectorsAndScores: most(needs.vectors),
      evaluation: collection.map { needs.evaluation($0, vectorsPerQuery: vectorsPerQuery) } ?? 0)
  }

  /// What a rank sends for the sums of gradients, and of the word table for the ids that it has met.
  private func gradientBytes(_ configuration: Configuration, _ words: Int, _ rankCount: Int) -> Double {
    let table = shape.layout.trainedWords
    let dense = shape.layout.trainedCount - (table?.count ?? 0)
    let touched = table.map { min(words, $0.shape[0]) * $0.shape[1] } ?? 0
    let ids = table == nil ? 0 : Traffic.share(8 * words * rankCount, rankCount) / 2
    // A shard's sum is half of an all-reduce; the other half is values then, of all words.
    let sums = 4 * (dense + touched)
    let values = 4 * shape.layout.trainedCount
    return ids
      + (configuration.optimizer.sharding == .ranks
        ? Traffic.share(sums, rankCount) + Traffic.share(values, rankCount) : Traffic.allReduce(sums, rankCount))
  }

  /// How many collectives a step has, their announcements among them.
  private func collectives(_ configuration: Configuration) -> Double {
    // Ids of words, lengths, vectors and their gradients, two sums of a few numbers; scores and their gradients.
    let negatives = configuration.negatives
    let exchanges = negatives.scope != .global ? 0 : negatives.gather == .queries ? 4 : 2
    let blocks = (shape.layout.trainedCount + (4 << 20) - 1) / (4 << 20)
    return Double(2 * (4 + exchanges) + 1 + 2 * blocks)
  }

  /// Changes of the configuration, one after the other, until a rank's memory is enough.
  private func advice(_ configuration: Configuration, _ rankCount: Int) -> [PlannedRun.Advice] {
    var changed = configuration
    var said: [String] = []
    func total() -> Int { memoryNeed(changed, sampledShares(changed, rankCount), rankCount).total }
    var found: [PlannedRun.Advice] = []
    func tried(_ setting: String) -> Bool {
      said.append(setting)
      let bytes = total()
      found.append(PlannedRun.Advice(settings: said.joined(separator: " "), memory: bytes))
      return bytes <= memory
    }
    if rankCount > 1, changed.optimizer.sharding == .none {
      changed.optimizer.sharding = .ranks
      if tried("--set optimizer.sharding=ranks") { return found }
    }
    let mostQueries = (changed.batch.queries + rankCount - 1) / rankCount
    while changed.batch.accumulation < mostQueries {
      changed.batch.accumulation = min(mostQueries, 2 * changed.batch.accumulation)
      if said.last?.hasPrefix("--set batch.accumulation") == true {
        said.removeLast()
        found.removeLast()
      }
      if tried("--set batch.accumulation=\(changed.batch.accumulation)") { return found }
    }
    if changed.batch.recompute == .none, shape.trainsEncoder {
      changed.batch.recompute = .layers
      if tried("--set batch.recompute=layers") { return found }
    }
    return found
  }
}

extension SampledShare {
  /// The same texts encoded at once.
  fileprivate var inOneChunk: SampledShare {
    var all = SampledChunk()
    for chunk in chunks {
      all.queries = all.queries + chunk.queries
      all.documents = all.documents + chunk.documents
    }
    return SampledShare(
      chunks: chunks.isEmpty ? [] : [all], allQueries: allQueries, allDocuments: allDocuments,
      mostDocuments: mostDocuments, words: words)
  }
}
