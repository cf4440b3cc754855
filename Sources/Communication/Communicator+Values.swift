extension Communicator {
  /// The element-wise sum of a few numbers (losses, counts, norms) over all ranks, added in the order of ranks.
  ///
  /// Collective: every rank calls it, with as many values. Every rank receives all of them: for small arrays.
  package func allReduceSum(_ values: [Double]) throws(CommunicationError) -> [Double] {
    let everyones = try allGather(bytes: bytes(of: values)).map { elements(of: $0, as: Double.self) }
    for (other, theirs) in everyones.enumerated() where theirs.count != values.count {
      throw CommunicationError(
        operation: "allReduceSum",
        message: "rank \(rank) brings \(values.count) numbers but rank \(other) brings \(theirs.count)",
        context: context)
    }
    var sums = everyones[0]
    for theirs in everyones.dropFirst() {
      for index in sums.indices { sums[index] += theirs[index] }
    }
    return sums
  }

  /// The integers of every rank, in the order of ranks; each may bring another number of them.
  ///
  /// Collective: every rank calls it. Together the integers must stay below 2 GiB.
  package func allGather<Number: FixedWidthInteger & BitwiseCopyable>(
    _ local: [Number]
  ) throws(CommunicationError) -> [[Number]] {
    try allGather(bytes: bytes(of: local)).map { elements(of: $0, as: Number.self) }
  }
}

private func bytes<Element: BitwiseCopyable>(of elements: [Element]) -> [UInt8] {
  unsafe elements.withUnsafeBytes { unsafe Array($0) }
}

private func elements<Element: BitwiseCopyable>(of bytes: [UInt8], as type: Element.Type) -> [Element] {
  unsafe bytes.withUnsafeBytes { bytes in
    let size = MemoryLayout<Element>.stride
    return (0..<bytes.count / size).map { unsafe bytes.loadUnaligned(fromByteOffset: $0 * size, as: type) }
  }
}
