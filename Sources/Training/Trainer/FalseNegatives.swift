import Datasets

/// The keys of a query's texts, by which false negatives are found.
struct SlotKeys: Equatable, Sendable {
  let query: TextKey
  /// All that its row names, drawn or not.
  let positives: [TextKey]
  /// Those of the batch, the positive first.
  let documents: [TextKey]

  init(_ row: TrainingRow, documents: [String]) {
    query = TextKey(row.query)
    positives = row.positives.map(TextKey.init)
    self.documents = documents.map(TextKey.init)
  }

  /// As they travel between ranks: the query's, the positives', the documents'.
  var numbers: [Int32] { ([query] + positives + documents).flatMap(\.numbers) }

  /// Takes its numbers from the front of `numbers`.
  init(from numbers: inout ArraySlice<Int32>, positiveCount: Int, documentCount: Int) {
    func key() -> TextKey {
      defer { numbers = numbers.dropFirst(TextKey.numberCount) }
      return TextKey(numbers: numbers.prefix(TextKey.numberCount))
    }
    query = key()
    positives = (0..<positiveCount).map { _ in key() }
    documents = (0..<documentCount).map { _ in key() }
  }
}

/// Finds the documents of a global batch that answer a query without being its target.
///
/// They answer it if their text is a positive of its row, or of any row of the batch with the same query.
struct FalseNegatives {
  private var positives: [TextKey: Set<TextKey>] = [:]
  private var columns: [TextKey: [Int]] = [:]

  /// - Parameter slots: the whole global batch, with keys.
  init(_ slots: [TokenizedSlot]) {
    for (column, key) in slots.flatMap({ $0.keys!.documents }).enumerated() {
      columns[key, default: []].append(column)
    }
    for keys in slots.map({ $0.keys! }) { positives[keys.query, default: []].formUnion(keys.positives) }
  }

  /// Of one query of the batch, among the documents of all ranks, ascending; `target` is its drawn positive's column.
  func columns(of slot: TokenizedSlot, target: Int) -> [Int] {
    positives[slot.keys!.query]!.flatMap { columns[$0] ?? [] }.filter { $0 != target }.sorted()
  }
}
