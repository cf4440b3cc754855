@testable import Checkpoints
import Communication
import Foundation
import TestSupport
import Testing

/// What can happen to the files of checkpoints; where exactly, the case's random numbers say.
enum Accident: CaseIterable, Sendable {
  case truncation, flippedBytes, lostBlock, addedBytes, emptyShard, swappedSteps, swappedRanks, missingFile
  case damagedManifest, otherManifest
}

/// Accidents at random places of random checkpoints. Each must be seen by `verified`, which is what
/// `colbert checkpoint verify` reports, and by `latest`, which is what a resumed run goes on from.
@Suite struct SeededDamageTests {
  static let steps = [10, 20, 30]
  static let caseCount = 200

  @Test(arguments: Accident.allCases) func noAccidentPassesUnseen(accident: Accident) throws {
    // As many ranks that save as there are templates; two at least, so that there are shards to be swapped.
    let templates = try [2, 3, 4].map { ranks in
      let folder = TemporaryFolder()
      for step in Self.steps {
        try TrainingState(step: step, sharded: ranks > 2).save(in: folder.path, ranks: ranks, keep: 3)
      }
      return folder
    }
    let number = Accident.allCases.firstIndex(of: accident)!
    for seed in stride(from: number, to: Self.caseCount, by: Accident.allCases.count) {
      var random = SplitMix(state: UInt64(seed))
      let scene = try Scene(copyOf: templates.randomElement(using: &random)!)
      let damaged = try scene.happen(accident, &random)
      try #require(!damaged.isEmpty && damaged.values.allSatisfy { !$0.isEmpty })
      try scene.expectSeen(damaged, ranks: Int.random(in: 1...3, using: &random), "\(accident), case \(seed)")
    }
  }

  /// The same checks find nothing where nothing happened.
  @Test(arguments: 1...4) func nothingIsSeenInWholeCheckpoints(ranks: Int) throws {
    let folder = TemporaryFolder()
    for step in Self.steps { try TrainingState(step: step).save(in: folder.path, ranks: ranks, keep: 3) }
    try Scene(copyOf: folder).expectSeen([:], ranks: ranks, "whole")
  }
}

/// A copy of checkpoints, to be damaged.
private struct Scene {
  let folder = TemporaryFolder()
  private var store: String { folder.path + "/checkpoints" }

  init(copyOf template: TemporaryFolder) throws {
    try FileManager.default.copyItem(atPath: template.path, toPath: store)
  }

  private func path(_ step: Int) -> String { "\(store)/step-\(step)" }

  private func shards(_ step: Int) -> [String] { names(in: path(step)).filter { $0.hasPrefix("shard-") } }

  /// Lets it happen to one checkpoint or two, and gives the names of the damaged files by step.
  func happen(_ accident: Accident, _ random: inout SplitMix) throws -> [Int: [String]] {
    let picked = SeededDamageTests.steps.shuffled(using: &random)
    let (step, other) = (picked[0], picked[1])
    let shard = shards(step).randomElement(using: &random)!
    let file = names(in: path(step)).randomElement(using: &random)!
    switch accident {
    case .truncation:
      try edit(step, file) { $0.removeLast(Int.random(in: 1...$0.count, using: &random)) }
      return [step: [file]]
    case .flippedBytes:
      try edit(step, file) { bytes in
        let count = Int.random(in: 1...8, using: &random)
        let places = Set((0..<count).map { _ in bytes.indices.randomElement(using: &random)! })
        for place in places.sorted() { bytes[place] ^= UInt8.random(in: 1...255, using: &random) }
      }
      return [step: [file]]
    case .lostBlock:
      // As a page that never reached the disk: zeros, where something else was.
      try edit(step, file) { bytes in
        let start = Int.random(in: 0..<bytes.count, using: &random)
        let end = Int.random(in: start..<bytes.count, using: &random)
        let before = bytes
        for place in start...end { bytes[place] = 0 }
        if bytes == before { bytes[bytes.firstIndex { $0 != 0 }!] = 0 }
      }
      return [step: [file]]
    case .addedBytes:
      try edit(step, file) { bytes in
        for _ in 0..<Int.random(in: 1...64, using: &random) { bytes.append(UInt8.random(in: 0...255, using: &random)) }
      }
      return [step: [file]]
    case .emptyShard:
      try edit(step, shard) { $0 = [] }
      return [step: [shard]]
    case .swappedSteps:
      try swap("\(path(step))/\(shard)", "\(path(other))/\(shard)")
      return [step: [shard], other: [shard]]
    case .swappedRanks:
      let two = Array(shards(step).shuffled(using: &random).prefix(2))
      try swap("\(path(step))/\(two[0])", "\(path(step))/\(two[1])")
      return [step: two]
    case .missingFile:
      try FileManager.default.removeItem(atPath: "\(path(step))/\(file)")
      return [step: [file]]
    case .damagedManifest:
      try edit(step, "manifest.json") { bytes in
        // A digit for another one, as an editor would leave it: still JSON.
        let digits = bytes.indices.filter { (0x30...0x39).contains(bytes[$0]) }
        let place = digits.randomElement(using: &random)!
        bytes[place] = 0x30 + (bytes[place] - 0x30 + UInt8.random(in: 1...9, using: &random)) % 10
      }
      return [step: ["manifest.json"]]
    case .otherManifest:
      try edit(step, "manifest.json") { $0 = try readBytes("\(path(other))/manifest.json") }
      return [step: ["manifest.json"]]
    }
  }

  private func edit(_ step: Int, _ file: String, _ change: (inout [UInt8]) throws -> Void) throws {
    let whole = try readBytes("\(path(step))/\(file)")
    var bytes = whole
    try change(&bytes)
    try #require(bytes != whole)
    try Data(bytes).write(to: URL(filePath: "\(path(step))/\(file)"))
  }

  private func swap(_ a: String, _ b: String) throws {
    let bytes = (try readBytes(a), try readBytes(b))
    try #require(bytes.0 != bytes.1)
    try Data(bytes.1).write(to: URL(filePath: a))
    try Data(bytes.0).write(to: URL(filePath: b))
  }

  /// Expects the damaged checkpoints, and no others, to be refused with the files' names, and a run to go on from the
  /// newest of the others, bit for bit.
  func expectSeen(_ damaged: [Int: [String]], ranks: Int, _ what: String) throws {
    let store = store
    let outcomes = try ThreadCommunicator.run(rankCount: ranks) { communicator in
      let checkpoints = CheckpointStore(path: store, communicator: communicator)
      let verdicts = try SeededDamageTests.steps.map { step in
        switch try checkpoints.verified("\(store)/step-\(step)") {
        case .success: nil as String?
        case .failure(let error): error.description
        }
      }
      let (found, notices) = try checkpoints.latest()
      return Outcome(
        verdicts: verdicts, step: found?.step, notices: notices,
        buffers: try TrainingState.buffers.map { try found?.floats($0, 0..<103) })
    }
    #expect(outcomes.allSatisfy { $0 == outcomes[0] }, "\(what)")
    let outcome = outcomes[0]
    for (step, verdict) in zip(SeededDamageTests.steps, outcome.verdicts) {
      #expect((verdict != nil) == (damaged[step] != nil), "\(what): step \(step): \(verdict ?? "good")")
      for file in damaged[step] ?? [] { #expect(verdict?.contains(file) == true, "\(what): \(verdict ?? "good")") }
    }
    let newest = SeededDamageTests.steps.filter { damaged[$0] == nil }.max()!
    #expect(outcome.step == newest, "\(what)")
    #expect(outcome.notices.count == damaged.keys.count { $0 > newest }, "\(what): \(outcome.notices)")
    let state = TrainingState(step: newest)
    #expect(outcome.buffers == TrainingState.buffers.map { state.floats($0) }, "\(what)")
  }

  private struct Outcome: Equatable, Sendable {
    /// What is wrong with each checkpoint; nil if nothing is.
    let verdicts: [String?]
    let step: Int?
    let notices: [String]
    let buffers: [[Float]?]
  }
}
