import Crypto
import Foundation

/// The folder of one checkpoint: shards, and the manifest that commits them. What one process does with it, alone.
struct CheckpointFolder: Sendable {
  let path: String

  /// The checkpoint of step `step` among those in the folder `store`.
  init(step: Int, in store: String) { path = "\(store)/step-\(step)" }

  init(path: String) { self.path = path }

  /// The folder that it lies in.
  var store: String {
    var path = path
    while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
    return FileSystem.folder(of: path)
  }

  var name: String { String(path.split(separator: "/").last ?? "") }

  /// The step that the folder's name says, if it says one.
  var step: Int? {
    guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), name == "step-\(step)" else { return nil }
    return step
  }

  /// The folders of the checkpoints in the folder `store`, finished or not, newest first. Other names are not ours.
  static func all(in store: String) throws -> [CheckpointFolder] {
    try FileSystem.names(in: store).map { CheckpointFolder(path: "\(store)/\($0)") }
      .filter { $0.step != nil }
      .sorted { $0.step! > $1.step! }
  }

  private var manifestPath: String { "\(path)/manifest.json" }

  var isCommitted: Bool {
    get throws { try FileSystem.exists(manifestPath) }
  }

  func path(of shard: CheckpointManifest.Shard) -> String { "\(path)/\(shard.file)" }

  /// The file name of a rank's shard.
  ///
  /// - Parameter generation: 0; more when a checkpoint of the same step is there and must stay whole until it is replaced.
  static func shardName(rank: Int, rankCount: Int, generation: Int) -> String {
    func digits(_ number: Int) -> String { String("00000\(number)".suffix(max(5, "\(number)".count))) }
    let suffix = generation == 0 ? "" : ".\(generation)"
    return "shard-\(digits(rank))-of-\(digits(rankCount))\(suffix).safetensors"
  }
}

/// Reading.
extension CheckpointFolder {
  /// The manifest, known to be whole and of this folder.
  func manifest() throws -> CheckpointManifest {
    guard try isCommitted else {
      throw CheckpointError.damaged(path, "has no manifest.json: it is not a finished checkpoint")
    }
    let bytes = try unsafe MappedFile(manifestPath).withBytes { unsafe [UInt8]($0) }
    let manifest = try CheckpointManifest(fileBytes: bytes, path: manifestPath)
    guard step == nil || step == manifest.step else {
      throw CheckpointError.damaged(manifestPath, "is of step \(manifest.step), the folder's name says another")
    }
    return manifest
  }

  /// SHA-256 of the manifest's file: tells this checkpoint from any other that has or will have its place. Empty without
  /// a manifest.
  func manifestHash() throws -> String { try sha256(ofFile: manifestPath) ?? "" }

  /// The shard of rank `rank`, known to be the one that `manifest` means by all but its contents.
  func shard(_ rank: Int, of manifest: CheckpointManifest) throws -> ShardFile {
    let shard = manifest.shards[rank]
    let path = path(of: shard)
    let file = try ShardFile(path)
    let metadata = CheckpointManifest.shardMetadata(
      step: manifest.step, rank: rank, rankCount: manifest.rankCount, ranges: shard.ranges)
    for (key, expected) in metadata where file.metadata[key] != expected {
      throw CheckpointError.damaged(
        path, "says \(key) \(file.metadata[key] ?? "nothing"), the manifest says \(expected)")
    }
    guard file.byteCount == shard.bytes else {
      throw CheckpointError.damaged(path, "has \(file.byteCount) bytes, the manifest says \(shard.bytes)")
    }
    for (buffer, range) in shard.ranges { _ = try file.floats(buffer, count: range.count) }
    return file
  }

  /// Throws unless all shards are there, with the sizes that `manifest` says.
  func checkSizes(of manifest: CheckpointManifest) throws {
    for shard in manifest.shards {
      let path = path(of: shard)
      guard let size = try FileSystem.size(of: path) else { throw CheckpointError.damaged(path, "is missing") }
      guard size == shard.bytes else {
        throw CheckpointError.damaged(path, "has \(size) bytes, the manifest says \(shard.bytes)")
      }
    }
  }

  /// Reads all of rank `rank`'s shard and throws unless it is what was written.
  func verify(_ rank: Int, of manifest: CheckpointManifest) throws {
    let file = try shard(rank, of: manifest)
    let hash = try file.sha256()
    guard hash == manifest.shards[rank].sha256 else {
      throw CheckpointError.damaged(
        file.path,
        "was damaged after it was written: its SHA-256 is \(hash), the manifest says \(manifest.shards[rank].sha256)")
    }
  }

  /// Throws unless the parameters in the shards, end to end, are those that all ranks agreed on when they saved.
  func verifyParameters(of manifest: CheckpointManifest) throws {
    var hasher = SHA256()
    for (rank, shard) in manifest.shards.enumerated() {
      let file = try self.shard(rank, of: manifest)
      let name = CheckpointBuffer.parameters
      try file.hash(file.floats(name, count: shard.ranges[name]!.count).bytes, into: &hasher)
    }
    try manifest.check(parameterHash: hexadecimal(hasher.finalize()), path: manifestPath)
  }
}

/// Writing.
extension CheckpointFolder {
  /// Makes the folder, empty but for a checkpoint that it already has, and gives the generation of the shards to come.
  func prepare() throws -> Int {
    if try !isCommitted {
      try FileSystem.removeTree(path)
      try FileSystem.makeFolder(path)
      return 0
    }
    let present = try FileSystem.names(in: path)
    return (1...).first { generation in !present.contains { $0.contains(".\(generation).safetensors") } }!
  }

  /// Makes the shards that `manifest` names the checkpoint: before, there was the old one or none; after, this one.
  func commit(_ manifest: CheckpointManifest) throws {
    for (rank, shard) in manifest.shards.enumerated() where try FileSystem.size(of: path(of: shard)) != shard.bytes {
      throw CheckpointError.failed(
        path(of: shard),
        "rank \(rank) wrote it, rank 0 does not see it: checkpoints need a folder that all machines share")
    }
    try writeFile(manifestPath, aside: "\(path)/manifest.tmp") { try $0.append(manifest.fileBytes()) }
  }

  /// Removes what is not part of the committed checkpoint; the whole folder if there is none.
  func sweep() throws {
    guard try isCommitted else { return try FileSystem.removeTree(path) }
    let kept = Set(try manifest().shards.map(\.file)).union(["manifest.json"])
    for name in try FileSystem.names(in: path) where !kept.contains(name) {
      try FileSystem.remove("\(path)/\(name)")
    }
  }

  /// Removes the folder: first what makes it a checkpoint, so that a kill never leaves half of one.
  func remove() throws {
    if try isCommitted {
      try FileSystem.remove(manifestPath)
      try FileSystem.syncFolder(path)
    }
    try FileSystem.removeTree(path)
  }
}
