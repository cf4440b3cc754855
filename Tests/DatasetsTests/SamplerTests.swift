import Datasets
import Testing

@Suite struct SamplerTests {
  /// `rows` rows, of which row i has i % 4 + 1 positives and i % 6 negatives.
  func sampler(rows: Int, batch: Int, negatives: Int = 3, shuffle: Bool = true, seed: UInt64 = 42) -> Sampler {
    Sampler(
      counts: (0..<rows).map { RowCounts(positives: $0 % 4 + 1, negatives: $0 % 6) }, batchQueries: batch,
      negativesPerQuery: negatives, shuffle: shuffle, seed: seed)
  }

  func rows(_ sampler: Sampler, epoch: Int) -> [Int] {
    (0..<sampler.stepsPerEpoch).flatMap { sampler.batch(epoch * sampler.stepsPerEpoch + $0).slots.map(\.row) }
  }

  @Test(arguments: [(1, 1), (1, 5), (2, 1), (3, 2), (7, 7), (64, 16), (65, 16), (100, 7), (1000, 33)], [true, false])
  func anEpochHasEveryRowOnce(size: (rows: Int, batch: Int), shuffle: Bool) {
    let sampler = sampler(rows: size.rows, batch: size.batch, shuffle: shuffle)
    #expect(sampler.stepsPerEpoch == (size.rows + size.batch - 1) / size.batch)
    for epoch in 0..<3 {
      for step in 0..<sampler.stepsPerEpoch {
        let batch = sampler.batch(epoch * sampler.stepsPerEpoch + step)
        #expect(batch.epoch == epoch)
        #expect(batch.slots.count == min(size.batch, size.rows - step * size.batch))
      }
      let rows = rows(sampler, epoch: epoch)
      #expect(rows.sorted() == Array(0..<size.rows))
      if !shuffle { #expect(rows == Array(0..<size.rows)) }
    }
  }

  @Test(arguments: [1, 2, 3, 5, 8, 64], [1, 2, 7, 30])
  func sharesPartTheBatch(rankCount: Int, size: Int) {
    let batch = sampler(rows: size, batch: size).batch(0)
    let shares = (0..<rankCount).map { batch.share(rank: $0, rankCount: rankCount) }
    #expect(shares.flatMap { Array($0) } == Array(0..<size))
    #expect(shares.map(\.count).max()! - shares.map(\.count).min()! <= 1)
  }

  @Test func fileOrderTakesTheFirstDocuments() {
    let batch = sampler(rows: 7, batch: 7, negatives: 2, shuffle: false).batch(0)
    #expect(batch.slots.map(\.positive) == [0, 0, 0, 0, 0, 0, 0])
    #expect(batch.slots.map(\.negatives) == [[], [0], [0, 1], [0, 1], [0, 1], [0, 1], []])
  }

  @Test func drawsAreValidAndWithoutRepetition() {
    let sampler = sampler(rows: 600, batch: 64, negatives: 3)
    for step in 0..<sampler.stepsPerEpoch * 2 {
      for slot in sampler.batch(step).slots {
        #expect((0..<slot.row % 4 + 1).contains(slot.positive))
        #expect(slot.negatives.count == min(3, slot.row % 6))
        #expect(Set(slot.negatives).count == slot.negatives.count)
        #expect(slot.negatives.allSatisfy { (0..<slot.row % 6).contains($0) })
      }
    }
  }

  @Test func aBatchIsAFunctionOfSeedAndStep() {
    #expect(sampler(rows: 100, batch: 7).batch(1234) == sampler(rows: 100, batch: 7).batch(1234))
    let first = rows(sampler(rows: 100, batch: 7), epoch: 0)
    #expect(first != rows(sampler(rows: 100, batch: 7), epoch: 1))
    #expect(first != rows(sampler(rows: 100, batch: 7, seed: 43), epoch: 0))
    #expect(first == rows(sampler(rows: 100, batch: 16), epoch: 0))
  }

  /// Pinned: another order would make a resumed run go on with other batches than it began with.
  @Test func theOrderStaysWhatItIs() {
    let batch = sampler(rows: 1000, batch: 5).batch(3)
    #expect(batch.slots.map(\.row) == [381, 908, 774, 454, 834])
    #expect(batch.slots.map(\.positive) == [1, 0, 1, 2, 2])
    #expect(batch.slots.map(\.negatives) == [[2, 0, 1], [1, 0], [], [3, 0, 1], []])
  }

  @Test(arguments: [3, 5, 8, 13])
  func everyRowComesToEveryPlaceEquallyOften(rowCount: Int) {
    let epochs = 4000
    let sampler = sampler(rows: rowCount, batch: rowCount)
    var counts = [Double](repeating: 0, count: rowCount * rowCount)
    var successors = counts
    for epoch in 0..<epochs {
      let rows = sampler.batch(epoch).slots.map(\.row)
      for (place, row) in rows.enumerated() { counts[place * rowCount + row] += 1 }
      for (row, next) in zip(rows, rows.dropFirst()) { successors[row * rowCount + next] += 1 }
    }
    let expected = Double(epochs) / Double(rowCount)
    expectUniform(counts, expected)
    // An epoch has n − 1 pairs of neighbours, of n (n − 1) possible ones: each comes up epochs / n times.
    let pairs = successors.indices.filter { $0 / rowCount != $0 % rowCount }.map { successors[$0] }
    expectUniform(pairs, expected)
  }

  @Test func everyOrderComesEquallyOften() {
    let expected = 100.0
    let sampler = sampler(rows: 5, batch: 5)
    var counts: [[Int]: Double] = [:]
    for epoch in 0..<120 * Int(expected) { counts[sampler.batch(epoch).slots.map(\.row), default: 0] += 1 }
    #expect(counts.count == 120)
    let chiSquare = counts.values.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected }
    // 119 degrees of freedom: mean 119, standard deviation √238.
    #expect(chiSquare < 119 + 5 * 238.0.squareRoot())
  }

  @Test func everyDocumentIsDrawnEquallyOften() {
    let epochs = 6000
    let sampler = Sampler(
      counts: [RowCounts(positives: 3, negatives: 5)], batchQueries: 1, negativesPerQuery: 2, shuffle: true, seed: 7)
    var positives = [Double](repeating: 0, count: 3)
    var pairs = [Double](repeating: 0, count: 25)
    for epoch in 0..<epochs {
      let slot = sampler.batch(epoch).slots[0]
      positives[slot.positive] += 1
      pairs[slot.negatives[0] * 5 + slot.negatives[1]] += 1
    }
    expectUniform(positives, Double(epochs) / 3)
    expectUniform(pairs.indices.filter { $0 / 5 != $0 % 5 }.map { pairs[$0] }, Double(epochs) / 20)
  }

  /// Counts within five standard deviations of a binomial count with this mean, for which √mean is an upper bound.
  func expectUniform(_ counts: [Double], _ mean: Double) {
    for count in counts { #expect(abs(count - mean) < 5 * mean.squareRoot(), "\(count) against \(mean)") }
  }
}
