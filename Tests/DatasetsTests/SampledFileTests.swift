import Testing

@testable import Datasets

/// Batches of several files.
@Suite struct SampledFileTests {
  private func sampler(
    _ files: [(rows: Int, weight: Double)], batch: Int, from source: BatchSource = .mixed, shuffle: Bool = true
  ) -> Sampler {
    var start = 0
    let sampled = files.map { file in
      defer { start += file.rows }
      return SampledFile(rows: start..<start + file.rows, weight: file.weight)
    }
    return Sampler(
      counts: (0..<start).map { RowCounts(positives: $0 % 4 + 1, negatives: $0 % 6) }, files: sampled,
      batchQueries: batch, from: source, negativesPerQuery: 3, shuffle: shuffle, seed: 42)
  }

  private func batches(_ sampler: Sampler, epoch: Int) -> [[BatchPlan.Slot]] {
    (0..<sampler.stepsPerEpoch).map { sampler.batch(epoch * sampler.stepsPerEpoch + $0).slots }
  }

  private static let files = [
    (rows: 10, weight: 2.0), (rows: 7, weight: 0.3), (rows: 5, weight: 1.0), (rows: 1, weight: 0.01),
  ]

  /// The law: an epoch takes round(weight · rows) rows of a file, at least one, and none more than once oftener than another,
  /// counted from the run's start. A row is taken the n-th time with the draws of pass n.
  @Test(arguments: [BatchSource.mixed, .oneFile], [true, false])
  func takesEachFileAsItsWeightSays(source: BatchSource, shuffle: Bool) {
    let sampler = sampler(Self.files, batch: 4, from: source, shuffle: shuffle)
    #expect(sampler.rowsPerEpochByFile == [20, 2, 5, 1])
    let fileOfRow = Self.files.enumerated().flatMap { Array(repeating: $0, count: $1.rows) }
    var taken = [[Int]](repeating: [], count: fileOfRow.count)
    for epoch in 0..<12 {
      var perFile = [Int](repeating: 0, count: Self.files.count)
      for slot in batches(sampler, epoch: epoch).joined() {
        perFile[fileOfRow[slot.row]] += 1
        taken[slot.row].append(slot.pass)
      }
      #expect(perFile == sampler.rowsPerEpochByFile, "epoch \(epoch)")
      for file in Self.files.indices {
        let counts = taken.indices.filter { fileOfRow[$0] == file }.map { taken[$0].count }
        #expect(counts.max()! - counts.min()! <= 1, "file \(file) after epoch \(epoch)")
      }
    }
    for passes in taken { #expect(passes.sorted() == Array(0..<passes.count)) }
  }

  @Test(arguments: [BatchSource.mixed, .oneFile])
  func cutsBatches(source: BatchSource) {
    let sampler = sampler(Self.files, batch: 4, from: source)
    let sizes = batches(sampler, epoch: 3).map(\.count)
    // 28 rows; or 20, 2, 5 and 1.
    #expect(sizes.sorted() == (source == .mixed ? [4, 4, 4, 4, 4, 4, 4] : [1, 1, 2, 4, 4, 4, 4, 4, 4]))
    #expect(sampler.stepsPerEpoch(ofBatches: 10) == (source == .mixed ? 3 : 5))
  }

  @Test func aBatchOfOneFileHasNoOther() {
    let sampler = sampler(Self.files, batch: 4, from: .oneFile)
    let bounds = [10, 17, 22, 23]
    var firsts: Set<[Int]> = []
    for epoch in 0..<40 {
      let files = batches(sampler, epoch: epoch).map { slots in
        Set(slots.map { slot in bounds.firstIndex { slot.row < $0 }! })
      }
      #expect(files.allSatisfy { $0.count == 1 })
      firsts.insert(files.map { $0.first! })
    }
    // They come in another order each epoch.
    #expect(firsts.count > 30)
  }

  /// File after file, row after row; a file with a weight below 1 goes on where it stopped.
  @Test func fileOrderGoesThroughTheFiles() {
    let files = [(rows: 3, weight: 2.0), (rows: 4, weight: 0.5)]
    let mixed = sampler(files, batch: 8, shuffle: false)
    #expect(batches(mixed, epoch: 0).joined().map(\.row) == [0, 1, 2, 0, 1, 2, 3, 4])
    #expect(batches(mixed, epoch: 1).joined().map(\.row) == [0, 1, 2, 0, 1, 2, 5, 6])
    let apart = sampler(files, batch: 4, from: .oneFile, shuffle: false)
    #expect(batches(apart, epoch: 2).map { $0.map(\.row) } == [[0, 1, 2, 0], [1, 2], [3, 4]])
  }

  /// Files without weights are as one file of all their rows: runs of before go on.
  @Test func withoutWeightsNothingChanges() {
    let (one, three) = (sampler([(60, 1)], batch: 7), sampler([(20, 1), (30, 1), (10, 1)], batch: 7))
    for step in 0..<20 { #expect(one.batch(step) == three.batch(step)) }
  }

  /// Each part of a file comes up equally often when a weight takes half of it.
  @Test func everyHalfComesEquallyOften() {
    let sampler = sampler([(4, 0.5), (3, 1)], batch: 5)
    var pairs: [[Int]: Double] = [:]
    let passes = 3000
    for pass in 0..<passes {
      pairs[sampler.batch(2 * pass).slots.map(\.row).filter { $0 < 4 }.sorted(), default: 0] += 1
    }
    let mean = Double(passes) / 6
    #expect(pairs.count == 6)
    for (pair, count) in pairs { #expect(abs(count - mean) < 5 * mean.squareRoot(), "\(pair): \(count)") }
  }

  /// Pinned: another order would make a resumed run go on with other batches than it began with.
  @Test func theOrderStaysWhatItIs() {
    let sampler = sampler([(100, 0.25), (40, 1.5)], batch: 6, from: .oneFile)
    #expect(sampler.batch(17).slots.map(\.row) == [139, 130, 104, 113, 128, 116])
    #expect(sampler.batch(17).slots.map(\.pass) == [2, 2, 2, 2, 2, 2])
  }
}
