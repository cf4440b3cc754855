internal import Glibc

/// The one rank of a job that was not started by `mpirun`: every collective is with oneself.
package final class SoloCommunicator: Communicator {
  package let rank = 0
  package let rankCount = 1
  package let hostName = localHostName()
  package var context = ""
  package var timeout: Duration = .seconds(600)

  package init() {}

  package func allReduceSum(_ values: inout MutableSpan<Float>) throws(CommunicationError) {}

  package func allGather(
    _ local: Span<Float>, into all: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) {
    checkRows(local: local.count, all: all.count, rowCounts: rowCounts, columns: columns, rank: 0, rankCount: 1)
    copy(local, to: &all)
  }

  package func reduceScatterSum(
    _ all: Span<Float>, into local: inout MutableSpan<Float>, rowCounts: [Int], columns: Int
  ) throws(CommunicationError) {
    checkRows(local: local.count, all: all.count, rowCounts: rowCounts, columns: columns, rank: 0, rankCount: 1)
    copy(all, to: &local)
  }

  package func allToAll(
    _ outgoing: Span<Float>, into incoming: inout MutableSpan<Float>, counts: [[Int]]
  ) throws(CommunicationError) {
    checkParts(outgoing: outgoing.count, incoming: incoming.count, counts: counts, rank: 0, rankCount: 1)
    copy(outgoing, to: &incoming)
  }

  package func allGather(bytes: [UInt8]) throws(CommunicationError) -> [[UInt8]] { [bytes] }

  package func broadcast(_ bytes: [UInt8], from root: Int) throws(CommunicationError) -> [UInt8] {
    precondition(root == 0, "root \(root) of 1 rank")
    return bytes
  }

  package func barrier() throws(CommunicationError) {}

  package func abort(status: Int32) -> Never { exit(status) }

  private func copy(_ source: Span<Float>, to target: inout MutableSpan<Float>) {
    unsafe source.withUnsafeBufferPointer { source in
      unsafe target.withUnsafeMutableBufferPointer { _ = unsafe $0.update(fromContentsOf: source) }
    }
  }
}
