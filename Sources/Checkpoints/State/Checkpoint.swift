import Crypto

/// A committed checkpoint, every shard of which was read by one of the ranks and is what was written.
package struct Checkpoint: Sendable {
  private let folder: CheckpointFolder
  private let manifest: CheckpointManifest

  init(folder: CheckpointFolder, manifest: CheckpointManifest) {
    self.folder = folder
    self.manifest = manifest
  }

  package var path: String { folder.path }
  /// The number of updates done.
  package var step: Int { manifest.step }
  /// The number of ranks that wrote it; any number may read it.
  package var rankCount: Int { manifest.rankCount }
  /// SHA-256 of the parameters, which all ranks agreed on when they saved.
  package var parameterHash: String { manifest.parameterHash }
  package var state: [String: String] { manifest.state }
  package var tensors: [TensorRecord] { manifest.tensors }
  /// Bytes of all shards.
  package var byteCount: Int { manifest.shards.reduce(0) { $0 + $1.bytes } }

  /// Throws unless the checkpoint's tensors are these: names, shapes and places.
  package func check(tensors expected: [TensorRecord]) throws {
    guard expected != tensors else { return }
    for (here, expected) in zip(tensors, expected) where here != expected {
      throw CheckpointError.damaged(
        path,
        "has tensor \(here.name) \(here.shape) at \(here.range), expected \(expected.name) \(expected.shape) at \(expected.range)"
      )
    }
    throw CheckpointError.damaged(path, "has \(tensors.count) tensors, expected \(expected.count)")
  }

  /// Reads the floats `range` of the buffer `name` to `floats`, from whichever shards have them, and takes no other memory.
  ///
  /// Not collective: every rank reads what it needs. Whole parameters are checked on the way against the hash that all
  /// ranks agreed on.
  /// - Precondition: `floats` has as many elements as `range`.
  package func read(_ name: String, _ range: Range<Int>, into floats: inout MutableSpan<Float>) throws {
    precondition(floats.count == range.count, "\(floats.count) floats for \(range) of \(name)")
    guard let buffer = manifest.buffers.first(where: { $0.name == name }) else {
      let names = manifest.buffers.map(\.name).joined(separator: ", ")
      throw CheckpointError.damaged(path, "has no buffer \(name); it has \(names)")
    }
    guard range.lowerBound >= 0 && range.upperBound <= buffer.count else {
      throw CheckpointError.damaged(path, "has \(buffer.count) floats of \(name), expected \(range.upperBound) or more")
    }
    let isHashed = name == CheckpointBuffer.parameters && range.count == buffer.count
    var hasher = SHA256()
    try unsafe floats.withUnsafeMutableBufferPointer { target in
      for (rank, shard) in manifest.shards.enumerated() {
        let part = shard.ranges[name]!
        let common = part.clamped(to: range)
        if common.isEmpty { continue }
        let file = try folder.shard(rank, of: manifest)
        try unsafe file.read(
          file.floats(name, count: part.count), elements: common.relative(to: part.lowerBound),
          into: UnsafeMutableBufferPointer(rebasing: target[common.relative(to: range.lowerBound)])
        ) { block in
          if isHashed { unsafe hasher.update(bufferPointer: block) }
        }
      }
    }
    if isHashed { try manifest.check(parameterHash: hexadecimal(hasher.finalize()), path: path) }
  }
}

extension Range<Int> {
  /// The same places, counted from `origin`.
  fileprivate func relative(to origin: Int) -> Range<Int> { lowerBound - origin..<upperBound - origin }
}
