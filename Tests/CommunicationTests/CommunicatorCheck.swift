import Communication

/// What every communicator must do. Each check is collective: every rank runs it.
enum CommunicatorCheck: String, CaseIterable, Sendable {
  case sumsOfFloats, begunSums, begunGathers, sumsOfDoubles, gatheredRows, scatteredSums, adjoint, exchangedParts
  case raggedBytes, raggedIntegers, broadcasts
  case together, togetherInTogether, onRoot, onRootFailing

  func run(on communicator: any Communicator) throws {
    switch self {
    case .sumsOfFloats: try checkSumsOfFloats(communicator)
    case .begunSums: try checkBegunSums(communicator)
    case .begunGathers: try checkBegunGathers(communicator)
    case .sumsOfDoubles: try checkSumsOfDoubles(communicator)
    case .gatheredRows: try checkGatheredRows(communicator)
    case .scatteredSums: try checkScatteredSums(communicator)
    case .adjoint: try checkAdjoint(communicator)
    case .exchangedParts: try checkExchangedParts(communicator)
    case .raggedBytes: try checkRaggedBytes(communicator)
    case .raggedIntegers: try checkRaggedIntegers(communicator)
    case .broadcasts: try checkBroadcasts(communicator)
    case .together: try checkTogether(communicator)
    case .togetherInTogether: try checkTogetherInTogether(communicator)
    case .onRoot: try checkOnRoot(communicator)
    case .onRootFailing: try checkOnRootFailing(communicator)
    }
    try communicator.barrier()
  }
}

private func checkSumsOfFloats(_ communicator: any Communicator) throws {
  for count in [0, 1, 2, 7, 100, 4095, 4097, 20_000] {
    let parts = (0..<communicator.rankCount).map { wildFloats(count, seed: count, rank: $0) }
    let expected = sum(parts)
    if communicator.rankCount > 2 && count >= 100 {
      try require(sum(parts.reversed()) != expected, "\(count) values: the order of ranks makes no difference")
    }
    var values = parts[communicator.rank]
    var span = values.mutableSpan
    try communicator.allReduceSum(&span)
    try requireSameBits(values, expected, "sum of \(count) values on rank \(communicator.rank)")
  }
}

/// Several at once, of many stretches and of none, with other collectives between and one more round of them after.
private func checkBegunSums(_ communicator: any Communicator) throws {
  let (rank, ranks) = (communicator.rank, 0..<communicator.rankCount)
  for round in 0..<2 {
    let counts = [7, 20_000, 0, 1, 4097]
    let parts = counts.map { count in ranks.map { wildFloats(count, seed: count + round, rank: $0) } }
    let begun = parts.map { LastingValues($0[rank]) }
    try communicator.beginSum(begun[0])
    try communicator.beginSum(begun[1])
    try communicator.advance()
    let between = try communicator.allReduceSum([Double(rank)])
    try require(between == [Double(ranks.reduce(0, +))], "a sum between")
    for values in begun[2...] { try communicator.beginSum(values) }
    for _ in 0..<rank { try communicator.advance() }
    try requireSameBits(
      try communicator.allGather([rank]).flatMap { $0 }.map(Float.init), ranks.map(Float.init), "a gather between")
    try communicator.finish()
    for (values, parts) in zip(begun, parts) {
      try requireSameBits(values.values, sum(parts), "begun sum of \(values.count) values on rank \(rank)")
    }
  }
  try communicator.finish()
}

/// Pieces of each rank's rows, unlike in number and some without any, with other collectives and begun sums between.
private func checkBegunGathers(_ communicator: any Communicator) throws {
  let (rank, rankCount, columns) = (communicator.rank, communicator.rankCount, 3)
  for round in 0..<2 {
    // Of rank r: r rows, then 1,000, then r + round again; laid rank by rank.
    let counts = (0..<rankCount).map { [$0, 1000, $0 + round] }
    let starts = counts.reduce(into: [0]) { $0.append($0.last! + $1.reduce(0, +)) }
    let expected = wildFloats(starts.last! * columns, seed: round, rank: 0)
    let own = starts[rank] * columns..<starts[rank + 1] * columns
    let all = LastingValues(expected.indices.map { own.contains($0) ? expected[$0] : .nan })
    let parts = (0..<rankCount).map { wildFloats(300, seed: round, rank: $0) }
    let summed = LastingValues(parts[rank])
    for piece in 0..<3 {
      let places = zip(counts, starts).map { counts, start in
        let first = start + counts[..<piece].reduce(0, +)
        return first..<first + counts[piece]
      }
      try communicator.beginGather(all, places: places, columns: columns)
      if piece == 1 { try communicator.beginSum(summed) }
      for _ in 0..<rank { try communicator.advance() }
      let between = try communicator.allGather([rank + piece]).flatMap { $0 }
      try require(between == (0..<rankCount).map { $0 + piece }, "a gather between")
    }
    try communicator.finish()
    try requireSameBits(all.values, expected, "begun gather on rank \(rank)")
    try requireSameBits(summed.values, sum(parts), "a sum begun between on rank \(rank)")
  }
}

/// Floats that a begun collective may hold on to.
private final class LastingValues: LastingFloats {
  private let buffer: UnsafeMutableBufferPointer<Float>

  init(_ values: [Float]) {
    buffer = .allocate(capacity: values.count)
    _ = buffer.initialize(from: values)
  }

  deinit { buffer.deallocate() }

  var count: Int { buffer.count }
  var values: [Float] { Array(buffer) }

  func withMutableSpan<Result, Failure: Error>(
    _ body: (inout MutableSpan<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var span = MutableSpan(_unsafeElements: buffer)
    return try body(&span)
  }
}

private func checkSumsOfDoubles(_ communicator: any Communicator) throws {
  for count in [0, 1, 5] {
    let parts = (0..<communicator.rankCount).map { wildFloats(count, seed: count, rank: $0).map { Double($0) / 3 } }
    let sums = try communicator.allReduceSum(parts[communicator.rank])
    try require(sums.map(\.bitPattern) == sum(parts).map(\.bitPattern), "sum of \(count) numbers")
  }
}

private func checkGatheredRows(_ communicator: any Communicator) throws {
  for (seed, rows) in Rows.cases(rankCount: communicator.rankCount).enumerated() {
    let parts = rows.counts.enumerated().map { wildFloats($1 * rows.columns, seed: seed, rank: $0) }
    let all = try gather(parts[communicator.rank], rows, communicator)
    try requireSameBits(all, Array(parts.joined()), "gather of \(rows)")
  }
}

private func checkScatteredSums(_ communicator: any Communicator) throws {
  for (seed, rows) in Rows.cases(rankCount: communicator.rankCount).enumerated() {
    let parts = (0..<communicator.rankCount).map { wildFloats(rows.count * rows.columns, seed: seed, rank: $0) }
    let local = try reduceScatter(parts[communicator.rank], rows, communicator)
    try requireSameBits(local, Array(sum(parts)[rows.range(of: communicator.rank)]), "scattered sum of \(rows)")
  }
}

/// Σ over ranks ⟨gather x, y⟩ = Σ over ranks ⟨x, reduceScatter y⟩, exactly: the numbers are small integers.
private func checkAdjoint(_ communicator: any Communicator) throws {
  for (seed, rows) in Rows.cases(rankCount: communicator.rankCount).enumerated() {
    let x = smallIntegers(rows.counts[communicator.rank] * rows.columns, seed: seed, rank: communicator.rank)
    let y = smallIntegers(rows.count * rows.columns, seed: seed + 100, rank: communicator.rank)
    let gathered = try gather(x, rows, communicator)
    let scattered = try reduceScatter(y, rows, communicator)
    let products = try communicator.allReduceSum([dot(gathered, y), dot(x, scattered)])
    try require(products[0] == products[1], "\(rows): \(products)")
  }
}

/// Between some pairs nothing goes, and some ranks neither send nor receive anything; what follows must not notice.
private func checkExchangedParts(_ communicator: any Communicator) throws {
  let (rank, ranks) = (communicator.rank, 0..<communicator.rankCount)
  for silent in [-1] + ranks {
    var random = generator(seed: silent + 1, rank: 0)
    let counts = ranks.map { from in
      ranks.map { to in from == silent || to == silent ? 0 : max(0, Int.random(in: -20...5000, using: &random)) }
    }
    func part(_ from: Int, _ to: Int) -> [Float] { wildFloats(counts[from][to], seed: to, rank: from) }
    let expected = ranks.flatMap { part($0, rank) }
    let incoming = try exchange(ranks.flatMap { part(rank, $0) }, counts, communicator)
    try requireSameBits(incoming, expected, "parts between ranks without rank \(silent)")
    let rows = Rows(counts: ranks.map { $0 == silent ? 0 : 3 }, columns: 2)
    let all = [Float](repeating: 1, count: rows.count * 2)
    let sums = try reduceScatter(all, rows, communicator)
    try require(sums.allSatisfy { $0 == Float(ranks.count) }, "sums after parts without rank \(silent)")
  }
}

private func checkRaggedBytes(_ communicator: any Communicator) throws {
  for skipped in 0..<communicator.rankCount {
    let parts = (0..<communicator.rankCount).map { rank in
      rank == skipped ? [] : Array("rank \(rank)\(String(repeating: "!", count: rank * 9))".utf8)
    }
    try require(try communicator.allGather(bytes: parts[communicator.rank]) == parts, "rank \(skipped) brings nothing")
  }
}

private func checkRaggedIntegers(_ communicator: any Communicator) throws {
  let parts = (0..<communicator.rankCount).map { rank in (0..<rank * 3).map { $0 * (Int.max / 100) - rank } }
  try require(try communicator.allGather(parts[communicator.rank]) == parts, "integers")
}

private func checkBroadcasts(_ communicator: any Communicator) throws {
  for root in 0..<communicator.rankCount {
    for count in [0, 1, 100_000] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 + root) }
      let mine = communicator.rank == root ? bytes : [99]
      try require(try communicator.broadcast(mine, from: root) == bytes, "\(count) bytes from rank \(root)")
    }
  }
}

private func gather(_ local: [Float], _ rows: Rows, _ communicator: any Communicator) throws -> [Float] {
  var all = [Float](repeating: .nan, count: rows.count * rows.columns)
  var span = all.mutableSpan
  try communicator.allGather(local.span, into: &span, rowCounts: rows.counts, columns: rows.columns)
  return all
}

private func exchange(_ outgoing: [Float], _ counts: [[Int]], _ communicator: any Communicator) throws -> [Float] {
  var incoming = [Float](repeating: .nan, count: counts.reduce(0) { $0 + $1[communicator.rank] })
  var span = incoming.mutableSpan
  try communicator.allToAll(outgoing.span, into: &span, counts: counts)
  return incoming
}

private func reduceScatter(_ all: [Float], _ rows: Rows, _ communicator: any Communicator) throws -> [Float] {
  var local = [Float](repeating: .nan, count: rows.counts[communicator.rank] * rows.columns)
  var span = local.mutableSpan
  try communicator.reduceScatterSum(all.span, into: &span, rowCounts: rows.counts, columns: rows.columns)
  return local
}
