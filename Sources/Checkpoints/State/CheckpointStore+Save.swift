import Communication
import Foundation
import Tensors

extension CheckpointStore {
  /// Saves the run's state after step `step`, and removes older checkpoints beyond the newest `keep`.
  ///
  /// Collective: every rank calls it, with the same arguments but for the buffers' contents. Each rank writes its
  /// `shardRange` of every buffer. If any rank fails, all throw the same error, what was written is removed where possible,
  /// and the older checkpoints are as they were. Before anything is written, all ranks show that they hold the same
  /// parameters, bit for bit.
  /// - Parameters:
  ///   - tensors: which tensor is where in the buffers.
  ///   - buffers: the flat buffers, `CheckpointBuffer.parameters` among them and whole.
  ///   - state: the rest of the state, as text.
  ///   - keep: how many checkpoints to keep, this one included.
  ///   - needs: the step of an older checkpoint that stays for as long as this one does.
  /// - Returns: what could not be removed, and what was removed unasked, for the log; on rank 0 only.
  @discardableResult
  package func save(
    step: Int, tensors: [TensorRecord], buffers: [CheckpointBuffer], state: [String: String], keep: Int,
    needs: Int? = nil
  ) throws -> [String] {
    precondition(keep > 0, "a run keeps at least the checkpoint it has just made")
    let folder = CheckpointFolder(step: step, in: path)
    let doing = "saving the checkpoint of step \(step)"
    let parameterHash = try agreedParameterHash(buffers, folder, doing)
    let generation = try communicator.onRoot(doing) { try folder.prepare() }
    do {
      let shard = try communicator.together(doing) { try writeShard(buffers, folder, step, generation) }
      let shards = try communicator.allGather(bytes: Array(JSONEncoder().encode(shard))).map {
        try JSONDecoder().decode(CheckpointManifest.Shard.self, from: Data($0))
      }
      let manifest = CheckpointManifest(
        step: step, rankCount: communicator.rankCount,
        buffers: buffers.map { CheckpointManifest.Buffer(name: $0.name, count: $0.count) }, tensors: tensors,
        shards: shards, parameterHash: parameterHash, state: state, needs: needs)
      try communicator.onRoot(doing) { try folder.commit(manifest) }
    } catch let failure as RankFailure {
      // All ranks are here, none is writing. The failure is what to tell; the rest is swept before the next save.
      if communicator.rank == 0 { try? folder.sweep() }
      throw failure
    }
    return communicator.rank == 0 ? prune(keeping: keep, upTo: step) : []
  }

  /// The hash of the parameters, if all ranks have the same.
  private func agreedParameterHash(
    _ buffers: [CheckpointBuffer], _ folder: CheckpointFolder, _ doing: String
  ) throws -> String {
    guard let parameters = buffers.first(where: { $0.name == CheckpointBuffer.parameters }), parameters.isWhole else {
      preconditionFailure("a checkpoint needs the whole parameters")
    }
    let hash = parameters.values(0..<parameters.count).withSpan { sha256(of: $0) }
    let hashes = try communicator.allGather(bytes: Array(hash.utf8)).map { String(decoding: $0, as: UTF8.self) }
    let groups = Dictionary(grouping: hashes.indices) { hashes[$0] }
    guard groups.count > 1 else { return hash }
    let parts = groups.values.sorted { $0[0] < $1[0] }.map { ranks in
      "\(ranks.count == 1 ? "rank" : "ranks") \(ranks.map(String.init).joined(separator: ", "))"
    }
    return try communicator.together(doing) {
      throw CheckpointError.failed(
        folder.path, "not saved: the parameters of \(parts.joined(separator: " and of ")) differ, which must never be")
    }
  }

  /// Writes this rank's part of every buffer.
  private func writeShard(
    _ buffers: [CheckpointBuffer], _ folder: CheckpointFolder, _ step: Int, _ generation: Int
  ) throws -> CheckpointManifest.Shard {
    let (rank, rankCount) = (communicator.rank, communicator.rankCount)
    guard try FileSystem.exists(folder.path) else {
      throw CheckpointError.failed(
        folder.path, "rank 0 made it, rank \(rank) does not see it: checkpoints need a folder that all machines share")
    }
    let ranges = Dictionary(
      uniqueKeysWithValues: buffers.map { ($0.name, shardRange(of: $0.count, rank: rank, rankCount: rankCount)) })
    let name = CheckpointFolder.shardName(rank: rank, rankCount: rankCount, generation: generation)
    let metadata = CheckpointManifest.shardMetadata(step: step, rank: rank, rankCount: rankCount, ranges: ranges)
    let written = try writeSafetensors(
      "\(folder.path)/\(name)",
      tensors: buffers.map { buffer in
        let range = ranges[buffer.name]!
        return TensorToWrite(buffer.name, shape: [range.count], .floats(buffer.values(range)))
      },
      metadata: Dictionary(uniqueKeysWithValues: metadata.map { ($0.key, $0.value) }))
    return CheckpointManifest.Shard(file: name, bytes: written.bytes, sha256: written.sha256, ranges: ranges)
  }

  /// Removes all but step `step`, the `keep - 1` checkpoints before it and those that these need; gives what people should
  /// know of it.
  ///
  /// Checkpoints of later steps, and those that `start(from:)` left, are of a course that the run is not on; kept, they
  /// would be taken for its own.
  private func prune(keeping keep: Int, upTo step: Int) -> [String] {
    var notices: [String] = []
    do {
      try CheckpointFolder(step: step, in: path).sweep()
      let chosen = try ChosenStart.read(in: path)
      var kept = 1
      var needed: Set = [try CheckpointFolder(step: step, in: path).manifest().needs]
      for folder in try CheckpointFolder.all(in: path) where folder.step != step {
        let isCommitted = try folder.isCommitted
        let isLeft = try folder.step! > step || chosen?.leaves(folder) == true
        if isCommitted && !isLeft && kept < keep {
          kept += 1
          needed.insert(try? folder.manifest().needs)
          continue
        }
        if isCommitted && !isLeft && needed.contains(folder.step) { continue }
        if isCommitted && isLeft {
          notices.append("\(folder.path) is removed: the run left it for another, and saved step \(step)")
        }
        try folder.remove()
      }
      try ChosenStart.remove(in: path)
    } catch {
      notices.append("an old checkpoint stays: \(error)")
    }
    return notices
  }
}
