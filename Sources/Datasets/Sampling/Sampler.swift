/// Decides which rows make up the batch of a step, and which of their documents.
///
/// A pure function of (seed, step): nothing is drawn from a generator, so a run resumes, and any cut over ranks agrees, by
/// asking for the same step again.
///
/// An epoch has every row exactly once, if no file has a weight; see `SampledFile` for what it has else. Its last batch (with
/// batches of one file, each file's) is smaller when the rows do not come out even: rows are neither dropped nor mixed with
/// the next epoch's. Steps may go on for ever; each epoch then has an order and draws of its own.
///
/// A row with fewer negatives than asked for gives those that it has. They are not repeated to fill up, as FlagEmbedding
/// does: a document that stands twice in the softmax would count twice.
package struct Sampler: Sendable {
  private let counts: [RowCounts]
  private let files: [SampledFile]
  private let batchQueries: Int
  private let source: BatchSource
  private let negativesPerQuery: Int
  private let shuffle: Bool
  private let seed: UInt64

  /// - Parameters:
  ///   - counts: what each row offers.
  ///   - files: whose rows they are, in order; nil: of one file without a weight.
  ///   - batchQueries: queries in a global batch.
  ///   - shuffle: `false` takes rows in file order, their first positive and their first negatives.
  package init(
    counts: [RowCounts], files: [SampledFile]? = nil, batchQueries: Int, from source: BatchSource = .mixed,
    negativesPerQuery: Int, shuffle: Bool, seed: UInt64
  ) {
    precondition(!counts.isEmpty, "there is no row to sample")
    precondition(batchQueries > 0, "a batch of \(batchQueries) queries")
    precondition(negativesPerQuery >= 0, "\(negativesPerQuery) negatives per query")
    let files = files ?? [SampledFile(rows: counts.indices)]
    precondition(files.flatMap { [$0.rows.lowerBound, $0.rows.upperBound] }.isChain(from: 0, to: counts.count))
    self.counts = counts
    self.files = files
    self.batchQueries = batchQueries
    self.source = source
    self.negativesPerQuery = negativesPerQuery
    self.shuffle = shuffle
    self.seed = seed
  }

  package var rowsPerEpoch: Int { files.reduce(0) { $0 + $1.rowsPerEpoch } }
  /// Of each file.
  package var rowsPerEpochByFile: [Int] { files.map(\.rowsPerEpoch) }
  package var stepsPerEpoch: Int { stepsPerEpoch(ofBatches: batchQueries) }

  /// How many steps an epoch would have with batches of so many queries.
  package func stepsPerEpoch(ofBatches queries: Int) -> Int {
    switch source {
    case .mixed: (rowsPerEpoch - 1) / queries + 1
    case .oneFile: files.reduce(0) { $0 + $1.batches(of: queries) }
    }
  }

  /// The batch of `step`, counted from 0 over all epochs.
  package func batch(_ step: Int) -> BatchPlan {
    precondition(step >= 0, "step \(step)")
    let (epoch, stepInEpoch) = step.quotientAndRemainder(dividingBy: stepsPerEpoch)
    let slots =
      switch source {
      case .mixed: mixedSlots(stepInEpoch, epoch)
      case .oneFile: slotsOfOneFile(stepInEpoch, epoch)
      }
    return BatchPlan(epoch: epoch, slots: slots)
  }

  /// Batch `number` of an epoch that has the rows of all files in one order.
  private func mixedSlots(_ number: Int, _ epoch: Int) -> [BatchPlan.Slot] {
    let order = order(of: rowsPerEpoch, random(.order, epoch))
    return places(ofBatch: number, among: rowsPerEpoch).map { place in
      let (file, index) = files.lazy.map(\.rowsPerEpoch).part(of: order(place))
      return slot(ofFile: file, index, epoch)
    }
  }

  /// Batch `number` of an epoch whose batches are of one file each, and come in any order.
  private func slotsOfOneFile(_ number: Int, _ epoch: Int) -> [BatchPlan.Slot] {
    let batches = order(of: stepsPerEpoch, random(.batches, epoch))
    let (file, batch) = files.lazy.map { $0.batches(of: batchQueries) }.part(of: batches(number))
    let count = files[file].rowsPerEpoch
    let order = order(of: count, random(.order, epoch).keyed(by: file))
    return places(ofBatch: batch, among: count).map { slot(ofFile: file, order($0), epoch) }
  }

  private func places(ofBatch number: Int, among count: Int) -> Range<Int> {
    number * batchQueries..<min(count, (number + 1) * batchQueries)
  }

  /// What stands at each place of `0..<count`, shuffled if this sampler shuffles.
  private func order(of count: Int, _ random: CounterRandom) -> (Int) -> Int {
    guard shuffle else { return { $0 } }
    let permutation = Permutation(count: count, random: random)
    return { permutation[$0] }
  }

  /// The slot of the `index`-th row that an epoch takes of a file.
  private func slot(ofFile number: Int, _ index: Int, _ epoch: Int) -> BatchPlan.Slot {
    let file = files[number]
    let (pass, place) = file.position(index, epoch: epoch)
    let order =
      file.takesAllAlike ? { $0 } : order(of: file.rows.count, random(.fileOrder, pass).keyed(by: number))
    let row = file.rows.lowerBound + order(place)
    let (positives, negatives) = (Int(counts[row].positives), Int(counts[row].negatives))
    guard shuffle else {
      return BatchPlan.Slot(
        row: row, pass: pass, positive: 0, negatives: Array(0..<min(negativesPerQuery, negatives)))
    }
    return BatchPlan.Slot(
      row: row, pass: pass, positive: random(.positive, pass).number(below: positives, row, 0),
      negatives: draw(from: negatives, of: row, random(.negatives, pass)))
  }

  private func random(_ purpose: CounterRandom.Purpose, _ epoch: Int) -> CounterRandom {
    CounterRandom(seed: seed, epoch: epoch, purpose: purpose)
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

extension [Int] {
  /// Whether these pairs of bounds go from `start` to `end` without a gap.
  fileprivate func isChain(from start: Int, to end: Int) -> Bool {
    first == start && last == end
      && stride(from: 1, to: count - 1, by: 2).allSatisfy { self[$0] == self[$0 + 1] }
  }
}
