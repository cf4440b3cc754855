/// Decides which rows make up the batch of a step, and which of their documents.
///
/// A pure function of (seed, step): nothing is drawn from a generator, so a run resumes, and any cut over ranks agrees, by
/// asking for the same step again.
///
/// An epoch has every row exactly once. Its last batch is smaller when the rows do not come out even: rows are neither
/// dropped nor mixed with the next epoch's. Steps may go on for ever; each epoch then has an order and draws of its own.
///
/// A row with fewer negatives than asked for gives those that it has. They are not repeated to fill up, as FlagEmbedding
/// does: a document that stands twice in the softmax would count twice.
package struct Sampler: Sendable {
  private let counts: [RowCounts]
  private let batchQueries: Int
  private let negativesPerQuery: Int
  private let shuffle: Bool
  private let seed: UInt64

  /// - Parameters:
  ///   - counts: what each row offers.
  ///   - batchQueries: queries in a global batch.
  ///   - shuffle: `false` takes rows in file order, their first positive and their first negatives.
  package init(counts: [RowCounts], batchQueries: Int, negativesPerQuery: Int, shuffle: Bool, seed: UInt64) {
    precondition(!counts.isEmpty, "there is no row to sample")
    precondition(batchQueries > 0, "a batch of \(batchQueries) queries")
    precondition(negativesPerQuery >= 0, "\(negativesPerQuery) negatives per query")
    self.counts = counts
    self.batchQueries = batchQueries
    self.negativesPerQuery = negativesPerQuery
    self.shuffle = shuffle
    self.seed = seed
  }

  package var stepsPerEpoch: Int { (counts.count - 1) / batchQueries + 1 }

  /// The batch of `step`, counted from 0 over all epochs.
  package func batch(_ step: Int) -> BatchPlan {
    precondition(step >= 0, "step \(step)")
    let (epoch, stepInEpoch) = step.quotientAndRemainder(dividingBy: stepsPerEpoch)
    let start = stepInEpoch * batchQueries
    let places = start..<start + min(batchQueries, counts.count - start)
    return BatchPlan(epoch: epoch, slots: shuffle ? shuffled(places, epoch) : inOrder(places))
  }

  private func inOrder(_ places: Range<Int>) -> [BatchPlan.Slot] {
    places.map { row in
      let negatives = min(negativesPerQuery, Int(counts[row].negatives))
      return BatchPlan.Slot(row: row, positive: 0, negatives: Array(0..<negatives))
    }
  }

  private func shuffled(_ places: Range<Int>, _ epoch: Int) -> [BatchPlan.Slot] {
    let order = Permutation(count: counts.count, random: CounterRandom(seed: seed, epoch: epoch, purpose: .order))
    let positive = CounterRandom(seed: seed, epoch: epoch, purpose: .positive)
    let negatives = CounterRandom(seed: seed, epoch: epoch, purpose: .negatives)
    return places.map { place in
      let row = order[place]
      return BatchPlan.Slot(
        row: row, positive: positive.number(below: Int(counts[row].positives), row, 0),
        negatives: draw(from: Int(counts[row].negatives), of: row, negatives))
    }
  }

  /// Different members of `0..<count`, as many as a query gets: the first steps of a Fisher–Yates shuffle.
  private func draw(from count: Int, of row: Int, _ random: CounterRandom) -> [Int] {
    var members = Array(0..<count)
    let drawn = min(negativesPerQuery, count)
    for place in 0..<drawn {
      members.swapAt(place, place + random.number(below: count - place, row, place))
    }
    return Array(members.prefix(drawn))
  }
}
