import Communication
import Datasets
package import Tokenizers

/// A query of a batch with its documents, read and tokenized.
package struct TokenizedSlot: Equatable, Sendable {
  package let query: TokenizedText
  /// The positive first, then the row's negatives, then those drawn at random.
  package let documents: [TokenizedText]
  /// How many of them were drawn at random.
  let randomCount: Int
  /// The teacher's raw score of each of the others; nil if there is no teacher.
  package let teacherScores: [Double]?
  /// What its texts are told by; nil if nobody asks.
  let keys: SlotKeys?

  /// The documents of `row` that were `chosen` for a batch, with its prompt and query, and with the texts of `random`.
  init(
    _ row: TrainingRow, _ chosen: BatchPlan.Slot, random: [String], _ input: InputTokenizer, hasKeys: Bool = false
  ) {
    let texts = row.documents(of: chosen) + random
    keys = hasKeys ? SlotKeys(row, documents: texts) : nil
    query = input.tokenize((row.prompt ?? "") + row.query, as: .query)
    documents = texts.map { input.tokenize($0, as: .document) }
    randomCount = random.count
    teacherScores = row.teacherScores(of: chosen)
  }

  var texts: [TokenizedText] { [query] + documents }
  /// What it is dealt out by.
  var tokenCount: Int { documents.reduce(query.ids.count) { $0 + $1.ids.count } }
}

extension Communicator {
  /// The queries of all ranks, in the order of ranks. Sends 4 bytes for each token, and a few for each text.
  ///
  /// Collective: every rank calls it.
  func allGather(_ own: [TokenizedSlot]) throws(CommunicationError) -> [TokenizedSlot] {
    if rankCount == 1 { return own }
    return try allGather(own.flatMap(\.numbers)).flatMap { numbers in
      var numbers = numbers[...]
      var slots: [TokenizedSlot] = []
      while !numbers.isEmpty { slots.append(TokenizedSlot(from: &numbers)) }
      return slots
    }
  }
}

// Text by text: how many tokens, how many of them are keys, how many are its own, whether it was cut; then the ids, those
// that give no vector as their complement, which is negative. Scores are two numbers each; keys, if there are, come last.
extension TokenizedSlot {
  fileprivate var numbers: [Int32] {
    var numbers = [documents.count, randomCount, teacherScores == nil ? 0 : 1, keys?.positives.count ?? 0].map(
      Int32.init)
    for text in texts {
      numbers += [text.ids.count, text.keyCount, text.textTokenCount, text.isTruncated ? 1 : 0].map(Int32.init)
      numbers += zip(text.ids, text.givesVector).map { $1 ? $0 : ~$0 }
    }
    for score in teacherScores ?? [] {
      let bits = score.bitPattern
      numbers += [Int32(truncatingIfNeeded: bits >> 32), Int32(truncatingIfNeeded: bits)]
    }
    return numbers + (keys?.numbers ?? [])
  }

  /// Takes its numbers from the front of `numbers`.
  fileprivate init(from numbers: inout ArraySlice<Int32>) {
    func text() -> TokenizedText {
      let head = numbers.prefix(4).map(Int.init)
      let ids = numbers.dropFirst(4).prefix(head[0])
      numbers = numbers.dropFirst(4 + head[0])
      return TokenizedText(
        ids: ids.map { $0 < 0 ? ~$0 : $0 }, keyCount: head[1], givesVector: ids.map { $0 >= 0 },
        textTokenCount: head[2], isTruncated: head[3] == 1)
    }
    let count = Int(numbers.removeFirst())
    randomCount = Int(numbers.removeFirst())
    let hasScores = numbers.removeFirst() == 1
    let positiveCount = Int(numbers.removeFirst())
    query = text()
    documents = (0..<count).map { _ in text() }
    if hasScores {
      let scoreCount = count - randomCount
      let bits = numbers.prefix(2 * scoreCount).map { UInt64(UInt32(bitPattern: $0)) }
      numbers = numbers.dropFirst(2 * scoreCount)
      teacherScores = (0..<scoreCount).map { Double(bitPattern: bits[2 * $0] << 32 | bits[2 * $0 + 1]) }
    } else {
      teacherScores = nil
    }
    // A row without a positive there is not.
    keys =
      positiveCount == 0 ? nil : SlotKeys(from: &numbers, positiveCount: positiveCount, documentCount: count)
  }
}
