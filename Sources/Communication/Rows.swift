/// Traps unless the buffers of a gather, or of its adjoint, have the shapes that the row counts say.
func checkRows(local: Int, all: Int, rowCounts: [Int], columns: Int, rank: Int, rankCount: Int) {
  precondition(rowCounts.count == rankCount, "\(rowCounts.count) row counts for \(rankCount) ranks")
  precondition(
    columns > 0 && rowCounts.allSatisfy { $0 >= 0 }, "\(rowCounts) rows of \(columns) columns are no shape")
  precondition(
    local == rowCounts[rank] * columns, "\(local) values for this rank's [\(rowCounts[rank]) × \(columns)]")
  let total = rowCounts.reduce(0, +)
  precondition(all == total * columns, "\(all) values for all ranks' [\(total) × \(columns)]")
}

/// Traps unless the buffers of an all-to-all have as many floats as the counts say.
func checkParts(outgoing: Int, incoming: Int, counts: [[Int]], rank: Int, rankCount: Int) {
  precondition(
    counts.count == rankCount && counts.allSatisfy { $0.count == rankCount },
    "\(counts) are no counts between \(rankCount) ranks")
  let (sent, received) = (counts[rank].reduce(0, +), counts.reduce(0) { $0 + $1[rank] })
  precondition(outgoing == sent, "\(outgoing) values to send where the counts say \(sent)")
  precondition(incoming == received, "room for \(incoming) values where the counts say \(received)")
}

/// Where each rank's rows start when all lie end to end.
func rowStarts(_ rowCounts: [Int]) -> [Int] {
  var start = 0
  return rowCounts.map { count in
    defer { start += count }
    return start
  }
}
