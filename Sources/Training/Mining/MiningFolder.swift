import Checkpoints
import Foundation
import Tensors

/// What an unfinished `mine` has come to, in a folder beside its output: the rows of finished blocks, and how far the search
/// of the next one is. For rank 0.
///
/// Each file appears whole or not at all, so a run killed at any instant leaves a folder that another goes on with.
struct MiningFolder {
  let path: String
  private let output: String

  init(output: String) {
    self.output = output
    path = "\(output).mining"
  }

  /// Makes the folder for `task`; one that is there must belong to the same.
  func open(_ task: MiningTask) throws {
    let file = "\(path)/task.json"
    guard let earlier = contents(of: file) else {
      try makeFolder(path)
      return try replaceFile(file, with: encoded(task))
    }
    guard let earlier = try? JSONDecoder().decode(MiningTask.self, from: earlier) else {
      throw UsageError("\(file) is not what colbert wrote; remove \(path) to begin anew")
    }
    let differences = task.differences(from: earlier)
    guard differences.isEmpty else {
      throw UsageError(
        """
        \(path) holds a search that was begun otherwise (\(differences.joined(separator: "; "))); remove it to begin \
        anew, set these back to go on, or name another --output
        """)
    }
  }

  /// The report of a finished block; nil if it is not finished.
  func report(ofBlock block: Int) -> MiningReport? {
    contents(of: reportPath(block)).flatMap { try? JSONDecoder().decode(MiningReport.self, from: $0) }
  }

  /// Finishes a block: its lines, then its report, which makes it one.
  func finish(block: Int, lines: [UInt8], _ report: MiningReport) throws {
    try replaceFile(linesPath(block), with: lines)
    try replaceFile(reportPath(block), with: encoded(report))
  }

  /// How far the search of a block had come when it was saved last; nil if it has not begun.
  func progress(ofBlock block: Int) -> MiningProgress? {
    contents(of: progressPath).flatMap { MiningProgress([UInt8]($0)) }.flatMap { $0.block == block ? $0 : nil }
  }

  func save(_ progress: MiningProgress) throws { try replaceFile(progressPath, with: progress.bytes) }

  /// Makes the output of `blockCount` finished blocks, and removes the folder.
  func finish(blockCount: Int) throws {
    try joinFiles((0..<blockCount).map(linesPath), to: output)
    try FileManager.default.removeItem(atPath: path)
  }

  private var progressPath: String { "\(path)/progress" }
  private func linesPath(_ block: Int) -> String { "\(path)/block-\(block).jsonl" }
  private func reportPath(_ block: Int) -> String { "\(path)/block-\(block).json" }
  private func contents(of file: String) -> Data? { FileManager.default.contents(atPath: file) }

  private func encoded(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return [UInt8](try encoder.encode(value))
  }
}

/// What a search depends on, by name: going on with another one's beginnings would give nobody's result.
struct MiningTask: Codable, Equatable {
  private let facts: [String: String]

  /// - Parameters:
  ///   - precision: of the products, as the ranks have agreed on it.
  ///   - digests: of the files it reads, by what they are.
  init(_ configuration: Configuration, _ precision: ProductPrecision, digests: [String: [String]]) {
    var facts = digests.mapValues { $0.joined(separator: " ") }
    let keys = ["model.style", "model.dimension", "data.query_max_length", "data.document_max_length", "run.seed"]
    for leaf in configuration.leaves where keys.contains(leaf.key) || leaf.key.hasPrefix("mining.") {
      // The corpus is told by what it holds.
      if leaf.key != "mining.corpus" { facts[leaf.key] = leaf.value.flow }
    }
    if configuration.mining.sampling == .score, configuration.mining.temperature == nil {
      facts["loss.temperature"] = configuration.loss.temperature.map { "\($0)" } ?? "null"
    }
    facts["model.precision"] = precision.rawValue
    self.facts = facts
  }

  func differences(from earlier: MiningTask) -> [String] {
    Set(facts.keys).union(earlier.facts.keys).sorted().compactMap { key in
      let (before, now) = (earlier.facts[key], facts[key])
      if before == now { return nil }
      guard key.contains("."), let before, let now else { return "\(key): not the same" }
      return "\(key): \(before) before, \(now) now"
    }
  }
}

/// How far the search of one block has come.
struct MiningProgress {
  let block: Int
  /// How many of the searched documents are done.
  var done: Int
  var found: FoundDocuments

  private static let words = 5

  init(block: Int, found: FoundDocuments) {
    self.block = block
    done = 0
    self.found = found
  }

  /// Reads what `bytes` gave; nil if it is something else.
  init?(_ bytes: [UInt8]) {
    guard bytes.count.isMultiple(of: 4) else { return nil }
    let words: [UInt32] = stride(from: 0, to: bytes.count, by: 4).map { start in
      var word: UInt32 = 0
      for place in 0..<4 { word |= UInt32(bytes[start + place]) << UInt32(8 * place) }
      return word
    }
    var numbers = words[...]
    func take() -> Int { Int(numbers.popFirst() ?? 0) }
    guard numbers.count >= Self.words else { return nil }
    let (block, done, length, queries, empty) = (take(), take(), take(), take(), take())
    guard length > 0 else { return nil }
    self.init(block: block, found: FoundDocuments(queryCount: queries, length: length))
    self.done = done
    found.emptyDocuments = empty
    for query in 0..<queries {
      let count = take()
      guard count <= length, numbers.count >= 2 * count else { return nil }
      for _ in 0..<count {
        let (document, score) = (take(), Float(bitPattern: UInt32(take())))
        guard score.isFinite else { return nil }
        found.best[query].offer(TopDocuments.Entry(score: score, document: document))
      }
    }
    while numbers.count >= 2 { found.exclusionScores.append((take(), Float(bitPattern: UInt32(take())))) }
  }

  /// 32-bit numbers, the least significant byte first: five that say what it is, for each query how many documents it has
  /// and these with their scores, then the exclusions with theirs.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    func append(_ number: UInt32) {
      for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }
    for number in [block, done, found.length, found.best.count, found.emptyDocuments] { append(UInt32(number)) }
    for top in found.best {
      let entries = top.ranked
      append(UInt32(entries.count))
      for entry in entries {
        append(UInt32(entry.document))
        append(entry.score.bitPattern)
      }
    }
    for (place, score) in found.exclusionScores {
      append(UInt32(place))
      append(score.bitPattern)
    }
    return bytes
  }
}
