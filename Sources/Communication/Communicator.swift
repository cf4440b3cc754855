/// The collective operations that data-parallel training needs.
///
/// Each is *collective*: every rank calls it, in the same order, with matching counts; ranks that disagree all throw a
/// `CommunicationError` that names both calls. One thread of a rank calls at a time. After a `CommunicationError` the
/// communicator is of no more use: the error should end the job, as `withWorld` sees to.
package protocol Communicator: AnyObject {
  /// This rank's number, from 0.
  var rank: Int { get }
  /// The number of ranks of the job.
  var rankCount: Int { get }
  /// The machine this rank runs on, for messages.
  var hostName: String { get }
  /// What the caller is at, for the message of a collective that fails: "step 12".
  var context: String { get set }
  /// How long a collective waits for the other ranks before it gives up. Time spent computing does not count.
  var timeout: Duration { get set }
  /// How long all collectives so far have waited for other ranks to come, before any data was on the way.
  var waited: Duration { get }

  /// Replaces `values` with their element-wise sum over all ranks, added in the order of ranks: the same bits on every
  /// rank and with every communicator.
  ///
  /// Collective: every rank calls it, with as many values. Sends 2(N−1)/N × the bytes of `values` per rank.
  func allReduceSum(_ values: inout MutableSpan<Float>) throws(CommunicationError)

  /// Begins to replace `values` by what `allReduceSum` would, and does not wait for it: the sum is made while the caller
  /// computes, as far as `advance` is called, and is there when `finish` returns.
  ///
  /// Until then nobody else touches `values`, which stay where they are. Every rank begins the same sums and gathers in
  /// the same order before it finishes them; other collectives may come between, at the same place on every rank.
  func beginSum(_ values: any LastingFloats) throws(CommunicationError)

  /// Begins to give this rank's rows to all, and to receive theirs; they are there when `finish` returns. For the rest as
  /// `beginSum`.
  ///
  /// - Parameters:
  ///   - all: `[rows × columns]`, where this rank's rows already lie in their place.
  ///   - places: which rows of `all` each rank brings; none is allowed. The same on every rank, as `columns`.
  func beginGather(_ all: any LastingFloats, places: [Range<Int>], columns: Int) throws(CommunicationError)

  /// Gives what was begun a chance to go on; cheap, and not collective.
  func advance() throws(CommunicationError)

  /// Returns when all that was begun is done. Collective: every rank calls it.
  func finish() throws(CommunicationError)

  /// Lays the rows of every rank end to end in `all`, in the order of ranks.
  ///
  /// Collective: every rank calls it, with the same `rowCounts` and `columns`.
  /// - Parameters:
  ///   - local: `[rowCounts[rank] × columns]`.
  ///     It may lie in its place in `all`.
  ///   - all: `[sum of rowCounts × columns]`.
  ///   - rowCounts: how many rows each rank brings; none is allowed.
  func allGather(
    _ local: Span<Float>, into all: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError)

  /// Sums `all` over ranks, added in the order of ranks, and keeps this rank's rows: the adjoint of `allGather`.
  ///
  /// Collective: every rank calls it, with the same `rowCounts` and `columns`.
  /// - Parameters:
  ///   - all: `[sum of rowCounts × columns]`.
  ///   - local: `[rowCounts[rank] × columns]`. It may be this rank's rows of `all`.
  func reduceScatterSum(
    _ all: Span<Float>, into local: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError)

  /// Gives every rank what each rank has for it.
  ///
  /// Collective: every rank calls it, with the same `counts`.
  /// - Parameters:
  ///   - outgoing: what this rank has for rank 0, for rank 1 and so on, end to end.
  ///   - incoming: what rank 0 has for this rank, what rank 1 has and so on, end to end.
  ///   - counts: `counts[i][j]` floats go from rank `i` to rank `j`; none is allowed.
  func allToAll(
    _ outgoing: Span<Float>, into incoming: inout MutableSpan<Float>, counts: [[Int]]
  ) throws(CommunicationError)

  /// The bytes of every rank, in the order of ranks; each may bring another number of them.
  ///
  /// Collective: every rank calls it. Together the bytes must stay below 2 GiB.
  func allGather(bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]]

  /// The bytes of rank `root`, whatever the others pass.
  ///
  /// Collective: every rank calls it, with the same `root`.
  func broadcast(_ bytes: [UInt8], from root: Int) throws(CommunicationError) -> [UInt8]

  /// Returns when every rank has called it.
  ///
  /// Collective: every rank calls it.
  func barrier() throws(CommunicationError)

  /// Ends all ranks at once, now, with `status`. Not collective: one rank is enough.
  func abort(status: Int32) -> Never
}

/// Floats that stay where they are for longer than a call.
package protocol LastingFloats {
  var count: Int { get }
  func withMutableSpan<Result, Failure: Error>(
    _ body: (inout MutableSpan<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result
}

extension Communicator {
  // Where the ranks share a memory, nothing is won by not waiting.
  package func beginSum(_ values: any LastingFloats) throws(CommunicationError) {
    try values.withMutableSpan { (values) throws(CommunicationError) in try allReduceSum(&values) }
  }
  package func beginGather(
    _ all: any LastingFloats, places: [Range<Int>], columns: Int
  ) throws(CommunicationError) {
    try all.withMutableSpan { (all) throws(CommunicationError) in
      let own = places[rank]
      let local = (own.lowerBound * columns..<own.upperBound * columns).map { all[$0] }
      let rowCounts = places.map(\.count)
      var gathered = [Float](repeating: 0, count: rowCounts.reduce(0, +) * columns)
      var target = gathered.mutableSpan
      try allGather(local.span, into: &target, rowCounts: rowCounts, columns: columns)
      for (place, start) in zip(places, rowStarts(rowCounts)) {
        for i in 0..<place.count * columns { all[place.lowerBound * columns + i] = target[start * columns + i] }
      }
    }
  }
  package func advance() throws(CommunicationError) {}
  package func finish() throws(CommunicationError) {}

  /// Nobody waits for others where nobody counts it.
  package var waited: Duration { .zero }
}
