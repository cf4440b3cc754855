/// A communicator that hands every call on to another, but for those that it has of its own.
package protocol ForwardingCommunicator: Communicator {
  var base: any Communicator { get }
}

extension ForwardingCommunicator {
  package var rank: Int { base.rank }
  package var rankCount: Int { base.rankCount }
  package var hostName: String { base.hostName }
  package var context: String {
    get { base.context }
    set { base.context = newValue }
  }
  package var timeout: Duration {
    get { base.timeout }
    set { base.timeout = newValue }
  }
  package var waited: Duration { base.waited }

  package func allReduceSum(_ values: inout MutableSpan<Float>) throws(CommunicationError) {
    try base.allReduceSum(&values)
  }

  package func beginSum(_ values: any LastingFloats) throws(CommunicationError) { try base.beginSum(values) }
  package func beginGather(
    _ all: any LastingFloats, places: [Range<Int>], columns: Int
  ) throws(CommunicationError) {
    try base.beginGather(all, places: places, columns: columns)
  }
  package func advance() throws(CommunicationError) { try base.advance() }
  package func finish() throws(CommunicationError) { try base.finish() }

  package func allGather(
    _ local: Span<Float>, into all: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) {
    try base.allGather(local, into: &all, rowCounts: rowCounts, columns: columns)
  }

  package func reduceScatterSum(
    _ all: Span<Float>, into local: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) {
    try base.reduceScatterSum(all, into: &local, rowCounts: rowCounts, columns: columns)
  }

  package func allToAll(
    _ outgoing: Span<Float>, into incoming: inout MutableSpan<Float>, counts: [[Int]]
  ) throws(CommunicationError) {
    try base.allToAll(outgoing, into: &incoming, counts: counts)
  }

  package func allGather(bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]] { try base.allGather(bytes: bytes) }

  package func broadcast(_ bytes: [UInt8], from root: Int) throws(CommunicationError) -> [UInt8] {
    try base.broadcast(bytes, from: root)
  }

  package func barrier() throws(CommunicationError) { try base.barrier() }

  package func abort(status: Int32) -> Never { base.abort(status: status) }
}
