@testable import Checkpoints
import Communication
import Foundation
import Testing

/// Something that happens to the checkpoint of step 20 after it was written, and what must be said of it.
struct Damage: CustomTestStringConvertible, Sendable {
  let testDescription: String
  /// Words of the message; the file that it must name is the first of them.
  let message: [String]
  /// Does it, in the folder that also has `step-10`.
  let happen: @Sendable (_ store: String) throws -> Void

  init(_ description: String, _ message: String..., happen: @escaping @Sendable (_ store: String) throws -> Void) {
    testDescription = description
    self.message = message
    self.happen = happen
  }

  static let shards = ["shard-00000-of-00002.safetensors", "shard-00001-of-00002.safetensors"]

  static let all = [
    Damage("truncated shard", shards[1], "the file is cut off") { store in
      try edit("\(store)/step-20/\(shards[1])") { $0.removeLast(4) }
    },
    Damage("longer shard", shards[0], "belong to no tensor") { store in
      try edit("\(store)/step-20/\(shards[0])") { $0.append(0) }
    },
    Damage("empty shard", shards[1], "found 0 bytes") { store in
      try edit("\(store)/step-20/\(shards[1])") { $0 = [] }
    },
    Damage("missing shard", shards[0], "No such file") { store in
      try FileManager.default.removeItem(atPath: "\(store)/step-20/\(shards[0])")
    },
    Damage("a folder for a shard", shards[0], "found a folder") { store in
      try FileManager.default.removeItem(atPath: "\(store)/step-20/\(shards[0])")
      try FileManager.default.createDirectory(
        atPath: "\(store)/step-20/\(shards[0])", withIntermediateDirectories: false)
    },
    Damage("flipped bit", shards[1], "damaged after it was written") { store in
      try edit("\(store)/step-20/\(shards[1])") { $0[$0.count - 100] ^= 1 }
    },
    // Both shards have 51 floats of each buffer, and as many bytes.
    Damage("swapped shards", shards[0], "says rank 1, the manifest says 0") { store in
      let paths = shards.map { "\(store)/step-20/\($0)" }
      let files = try paths.map(readBytes)
      try edit(paths[0]) { $0 = files[1] }
      try edit(paths[1]) { $0 = files[0] }
    },
    Damage("shard of another step", shards[1], "says step 10, the manifest says 20") { store in
      try edit("\(store)/step-20/\(shards[1])") { $0 = try readBytes("\(store)/step-10/\(shards[1])") }
    },
    Damage("another file for a shard", shards[1], "the manifest says") { store in
      try edit("\(store)/step-20/\(shards[1])") { $0 = try readBytes(fixture("reference.safetensors")) }
    },
    Damage("empty manifest", "manifest.json", "expected a checkpoint's manifest") { store in
      try edit("\(store)/step-20/manifest.json") { $0 = [] }
    },
    Damage("manifest of another step", "manifest.json", "is of step 10") { store in
      try edit("\(store)/step-20/manifest.json") { $0 = try readBytes("\(store)/step-10/manifest.json") }
    },
    Damage("changed state", "manifest.json", "it was changed") { store in
      try edit("\(store)/step-20/manifest.json") { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        bytes = Array(text.replacing(#""epoch" : "2""#, with: #""epoch" : "1""#).utf8)
      }
    },
    Damage("format of the future", "manifest.json", "is of checkpoint format 2, this program reads format 1") { store in
      try rewrite(store) { $0.version = 2 }
    },
    Damage("missing rank", "manifest.json", "has 1 shards of 2 ranks") { store in
      try rewrite(store) { $0.shards.removeLast() }
    },
    Damage("shards out of order", "manifest.json", "do not follow each other") { store in
      try rewrite(store) { $0.shards.reverse() }
    },
    Damage("shards of a larger buffer", "manifest.json", "the shards have 102 of the 103 floats") { store in
      try rewrite(store) { $0.buffers[0].count = 103 }
    },
    Damage("no parameters", "manifest.json", "has no buffer parameters") { store in
      try rewrite(store) { $0.buffers.removeFirst() }
    },
    Damage("tensor outside the parameters", "manifest.json", "the tensors have 104 of the 102 parameters") { store in
      try rewrite(store) { $0.tensors.append(TensorRecord(name: "far", shape: [2], range: 102..<104)) }
    },
    Damage("tensor over another", "manifest.json", "tensor bias [3] at 98..<101 does not follow the 99 parameters") {
      store in
      try rewrite(store) { $0.tensors[1] = TensorRecord(name: "bias", shape: [3], range: 98..<101) }
    },
    Damage("other parameters than agreed on", "manifest.json", "the parameters' SHA-256 is") { store in
      let earlier = try CheckpointFolder(step: 10, in: store).manifest()
      try rewrite(store) { $0.parameterHash = earlier.parameterHash }
    },
  ]
}

private func edit(_ path: String, _ change: (inout [UInt8]) throws -> Void) throws {
  var bytes = try readBytes(path)
  try change(&bytes)
  try Data(bytes).write(to: URL(filePath: path))
}

/// Changes the manifest of step 20 as a program with a fault would: with a hash that fits.
private func rewrite(_ store: String, _ change: (inout CheckpointManifest) -> Void) throws {
  var manifest = try CheckpointFolder(step: 20, in: store).manifest()
  change(&manifest)
  try Data(manifest.fileBytes()).write(to: URL(filePath: "\(store)/step-20/manifest.json"))
}

@Suite struct CheckpointDamageTests {
  let folder = TemporaryFolder()

  init() throws {
    for step in [10, 20] { try TrainingState(step: step, count: 102).save(in: folder.path) }
  }

  @Test(arguments: Damage.all, [1, 2, 3]) func usesTheOneBefore(damage: Damage, ranks: Int) throws {
    try damage.happen(folder.path)
    let found = try latest(in: folder.path, ranks: ranks)
    #expect(found.step == 10)
    let notice = try #require(found.notices.first)
    for words in damage.message { #expect(notice.contains(words), "\(notice)") }
    #expect(notice.hasSuffix("checkpoint of step 20 is not used"))
  }

  /// Who asks for a damaged one gets an error, and no other in its place.
  @Test(arguments: Damage.all, [1, 2, 3]) func namesTheNewestGoodOne(damage: Damage, ranks: Int) throws {
    try damage.happen(folder.path)
    // A trailing slash, as a shell completes it.
    let path = folder.path + "/step-20/"
    let failures = try ThreadCommunicator.run(rankCount: ranks) { communicator in
      #expect(throws: CheckpointError.self) { try CheckpointStore(path: "", communicator: communicator).open(path) }
    }
    #expect(Set(failures.map { $0?.description }).count == 1)
    let error = try #require(failures[0])
    #expect(error.exitStatus == 65)
    for words in damage.message { #expect(error.description.contains(words), "\(error)") }
    #expect(error.problem.hasSuffix("; the newest good checkpoint beside it is \(folder.path)/step-10"), "\(error)")
    try FileManager.default.removeItem(atPath: "\(folder.path)/step-10/manifest.json")
    #expect(
      #expect(throws: CheckpointError.self) { try open(path) }?.problem.hasSuffix("; no good checkpoint is beside it")
        == true)
  }

  @Test func noFlippedBitPasses() throws {
    let path = folder.path + "/step-20"
    for name in names(in: path) {
      let whole = try readBytes("\(path)/\(name)")
      for index in whole.indices {
        try edit("\(path)/\(name)") { $0[index] ^= 1 << UInt8(index % 8) }
        #expect(throws: CheckpointError.self, "byte \(index) of \(name)") { try open(path) }
        try edit("\(path)/\(name)") { $0 = whole }
      }
    }
    #expect(try open(path).step == 20)
  }

  @Test func noTruncationPasses() throws {
    let path = folder.path + "/step-20"
    for name in names(in: path) {
      let whole = try readBytes("\(path)/\(name)")
      for length in whole.indices {
        try edit("\(path)/\(name)") { $0 = Array(whole[..<length]) }
        #expect(throws: CheckpointError.self, "\(length) bytes of \(name)") { try open(path) }
      }
      try edit("\(path)/\(name)") { $0 = whole }
    }
    #expect(try open(path).step == 20)
  }

  /// Damage between the check and the reading, or on one machine's disk alone, is still seen by who reads.
  @Test func parametersAreCheckedAsTheyAreRead() throws {
    let path = folder.path + "/step-20"
    let checkpoint = try open(path)
    try edit("\(path)/\(Damage.shards[0])") { bytes in
      // Names in the data's order: first_moments, parameters, second_moments.
      bytes[bytes.count - 51 * 4 - 1] ^= 1
    }
    let error = #expect(throws: CheckpointError.self) { try checkpoint.floats("parameters", 0..<102) }
    #expect(error?.problem.contains("the parameters' SHA-256 is") == true)
  }

  @Test func doesNotStartAgainWhenAllAreDamaged() throws {
    for step in [10, 20] { try edit("\(folder.path)/step-\(step)/\(Damage.shards[0])") { $0[$0.count - 1] ^= 1 } }
    let error = #expect(throws: CheckpointError.self) { try latest(in: folder.path) }
    #expect(error?.exitStatus == 65)
    #expect(error?.problem.hasPrefix("no checkpoint can be used; remove them to start again") == true)
  }

  @Test func aDamagedCheckpointOfTheSameStepIsReplaced() throws {
    try edit("\(folder.path)/step-20/manifest.json") { $0.removeLast() }
    try TrainingState(step: 20).save(in: folder.path)
    #expect(try latest(in: folder.path) == Found(step: 20, notices: []))
    #expect(names(in: folder.path + "/step-20").count == 3)
  }
}
