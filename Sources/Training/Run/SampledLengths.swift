import Communication
import Datasets
import Tokenizers

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
    func share(_ part: Int, _ whole: Int) -> String {
      ProgressFormat.decimals(100 * Double(part) / Double(max(1, whole)), 1) + "%"
    }
    return """
      \(isWhole ? "" : "in a sample of \(rows) rows ")queries have \(ProgressFormat.decimals(meanQuery, 1)) tokens (longest \(longestQuery)), \
      \(share(cutQueries, rows)) cut short; documents \(ProgressFormat.decimals(meanDocument, 1)) (longest \(longestDocument)), \
      \(share(cutDocuments, documents)) cut short
      """
  }
}
