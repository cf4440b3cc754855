/// What a rank is about to do. Ranks compare theirs before they exchange anything, so that calls that do not match
/// become an error on all of them, never wrong numbers.
struct Announcement: Equatable {
  enum Operation: Int64 {
    case allReduceSum, allGather, reduceScatterSum, allGatherBytes, broadcast, barrier, allToAll, finish
  }

  let operation: Operation
  /// How much is exchanged, in the operation's own terms; the same on every rank.
  var shape: [Int] = []
  /// How many bytes this rank brings: the one thing in which ranks may differ.
  var byteCount = 0

  static func floats(_ operation: Operation, count: Int) -> Announcement {
    Announcement(operation: operation, shape: [count])
  }

  static func rows(_ operation: Operation, rowCounts: [Int], columns: Int) -> Announcement {
    Announcement(operation: operation, shape: [rowCounts.reduce(0, +), columns, fingerprint(rowCounts)])
  }

  static func parts(_ operation: Operation, counts: [[Int]]) -> Announcement {
    let all = Array(counts.joined())
    return Announcement(operation: operation, shape: [all.reduce(0, +), fingerprint(all)])
  }
}

/// On the wire an announcement is five numbers.
extension Announcement {
  static let wordCount = 5

  var words: [Int64] {
    let padded = shape + Array(repeating: 0, count: 3 - shape.count)
    return [operation.rawValue] + padded.map { Int64($0) } + [Int64(byteCount)]
  }

  init(words: [Int64]) {
    operation = Operation(rawValue: words[0])!
    shape = words[1...3].map { Int($0) }
    byteCount = Int(words[4])
  }
}

extension Announcement: CustomStringConvertible {
  var description: String {
    switch operation {
    case .allReduceSum, .finish: "\(name) of \(shape[0]) values"
    case .allGather, .reduceScatterSum: "\(name) of [\(shape[0]) × \(shape[1])], row counts \(shape[2])"
    case .allToAll: "\(name) of \(shape[0]) values, counts \(shape[1])"
    case .broadcast: "\(name) from rank \(shape[0])"
    case .allGatherBytes, .barrier: name
    }
  }

  var name: String { "\(operation)" }
}

extension Announcement {
  /// Why ranks that announce these cannot go on, if they cannot.
  static func disagreement(in announcements: [Announcement]) -> String? {
    let first = announcements[0]
    for (rank, other) in announcements.enumerated() where other.words.dropLast() != first.words.dropLast() {
      return "the ranks disagree: rank 0 calls \(first), rank \(rank) calls \(other)"
    }
    return nil
  }
}

/// A number that tells one list of counts from another (FNV-1a).
private func fingerprint(_ counts: [Int]) -> Int {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  for count in counts { hash = (hash ^ UInt64(bitPattern: Int64(count))) &* 0x100_0000_01b3 }
  return Int(hash >> 32)
}
