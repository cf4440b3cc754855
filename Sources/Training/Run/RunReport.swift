import Datasets
import Tensors
import Communication
import LateInteraction
import Tokenizers

/// What a run says before its first step: data, lengths, parameters, memory.
struct RunReport {
  let lines: [String]

  /// Tokenizes a sample of rows, shared out over the ranks. Collective: every rank calls it.
  init(_ setup: TrainingSetup, communicator: any Communicator) throws {
    let lengths = try SampledLengths(setup, communicator: communicator)
    let configuration = setup.configuration
    let layout = setup.model.model.parameters.layout
    let total = layout.tensors.reduce(0) { $0 + $1.count }
    let head = setup.model.model.head.shape
    let batch = configuration.batch
    let share = (batch.queries + communicator.rankCount - 1) / communicator.rankCount
    let threads = setup.model.model.pool.threadCount
    var lines = [
      "data: \(setup.data.count) rows, \(setup.sampler.stepsPerEpoch) steps of \(batch.queries) queries an epoch, \(setup.totalSteps) steps in all",
      "texts: \(lengths.description)",
      "parameters: \(layout.trainedCount) trained of \(total); vectors of \(head.dimension)"
        + (setup.model.hasNewHead ? " from a new head, seed \(configuration.run.seed)" : ""),
      "ranks: \(communicator.rankCount) with \(threads) \(threads == 1 ? "thread" : "threads") each, up to \(share) queries a rank in \(batch.accumulation) \(batch.accumulation == 1 ? "chunk" : "chunks")",
    ]
    let estimate = MemoryEstimate(setup, lengths, queriesPerRank: share)
    lines.append("memory expected: \(estimate.description) a rank")
    self.lines = lines
  }
}

/// Token counts of a sample of the training texts.
struct SampledLengths {
  let rows: Int
  let isWhole: Bool
  let meanQuery: Double
  let meanDocument: Double
  let longestQuery: Int
  let longestDocument: Int
  let cutQueries: Int
  let cutDocuments: Int
  let documents: Int

  private static let sampleSize = 2_000

  init(_ setup: TrainingSetup, communicator: any Communicator) throws {
    let count = setup.data.count
    let sample = min(count, Self.sampleSize)
    var sums = [Double](repeating: 0, count: 5)
    var longest = [0, 0]
    let negatives = setup.configuration.data.negativesPerQuery
    try communicator.together("tokenizing a sample of the data") {
      for i in communicator.share(of: sample) {
        let row = try setup.data.row(i * count / sample)
        let query = setup.model.input.tokenize((row.prompt ?? "") + row.query, as: .query)
        sums[0] += Double(query.ids.count)
        sums[1] += query.isTruncated ? 1 : 0
        longest[0] = max(longest[0], query.ids.count)
        for text in [row.positives[0]] + row.negatives.prefix(negatives) {
          let document = setup.model.input.tokenize(text, as: .document)
          sums[2] += Double(document.ids.count)
          sums[3] += document.isTruncated ? 1 : 0
          sums[4] += 1
          longest[1] = max(longest[1], document.ids.count)
        }
      }
    }
    let all = try communicator.allReduceSum(sums)
    let longestOfAll = try communicator.allGather(longest)
    rows = sample
    isWhole = sample == count
    meanQuery = all[0] / Double(sample)
    meanDocument = all[2] / max(1, all[4])
    cutQueries = Int(all[1])
    cutDocuments = Int(all[3])
    documents = Int(all[4])
    longestQuery = longestOfAll.map { $0[0] }.max() ?? 0
    longestDocument = longestOfAll.map { $0[1] }.max() ?? 0
  }

  var description: String {
    func share(_ part: Int, _ whole: Int) -> String { ProgressFormat.decimals(100 * Double(part) / Double(max(1, whole)), 1) + "%" }
    return """
      \(isWhole ? "" : "in a sample of \(rows) rows ")queries have \(ProgressFormat.decimals(meanQuery, 1)) tokens (longest \(longestQuery)), \
      \(share(cutQueries, rows)) cut short; documents \(ProgressFormat.decimals(meanDocument, 1)) (longest \(longestDocument)), \
      \(share(cutDocuments, documents)) cut short
      """
  }
}

/// The memory a rank will need, by part, in bytes.
struct MemoryEstimate {
  let state: Int
  let activations: Int
  let vectors: Int

  init(_ setup: TrainingSetup, _ lengths: SampledLengths, queriesPerRank: Int) {
    let model = setup.model.model
    let batch = setup.configuration.batch
    let documents = Double(lengths.documents) / Double(max(1, lengths.rows))
    let chunkQueries = Double((queriesPerRank + batch.accumulation - 1) / batch.accumulation)
    let tokens = Int(chunkQueries * (lengths.meanQuery + documents * lengths.meanDocument))
    let keys = Int(max(lengths.meanQuery, lengths.meanDocument))
    state = 16 * model.parameters.layout.trainedCount
    activations = 4 * model.encoder.activationFloats(tokens: tokens, keysPerToken: keys)
    // Gathered documents and their gradients.
    vectors = 8 * Int(Double(batch.queries) * documents * lengths.meanDocument) * model.head.shape.dimension
  }

  var description: String {
    func gigabytes(_ bytes: Int) -> String { ProgressFormat.decimals(Double(bytes) / 1e9, 2) + " GB" }
    return """
      \(gigabytes(state + activations + vectors)) (\(gigabytes(state)) parameters, gradients and moments, \
      \(gigabytes(activations)) activations, \(gigabytes(vectors)) gathered vectors)
      """
  }
}
