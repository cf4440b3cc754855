/// The `capacity` best of all documents offered, in memory bounded by `capacity`: how a corpus in pieces is searched.
///
/// The order is `trec_eval`'s: the higher score first, and of equal scores the larger document number, where documents are
/// numbered by their ids in ascending order of bytes. The result does not depend on the order of offers or on how the
/// corpus was cut.
package struct TopDocuments: Sendable {
  package struct Entry: Equatable, Sendable {
    package let score: Float
    package let document: Int

    package init(score: Float, document: Int) {
      precondition(!score.isNaN, "document \(document) has no score")
      self.score = score
      self.document = document
    }

    func ranksBefore(_ other: Entry) -> Bool {
      score == other.score ? document > other.document : score > other.score
    }
  }

  private let capacity: Int
  /// A binary heap with the worst entry at its root: every entry ranks behind both of its children.
  private var heap: [Entry] = []

  package init(capacity: Int) {
    precondition(capacity > 0, "the best \(capacity) documents")
    self.capacity = capacity
  }

  /// The kept entries, best first.
  package var ranked: [Entry] { heap.sorted { $0.ranksBefore($1) } }

  /// No entry with a lower score is kept any more; −∞ while there is room.
  package var bound: Float { heap.count < capacity ? -.infinity : heap[0].score }

  /// Keeps the entry if it is among the best so far.
  package mutating func offer(_ entry: Entry) {
    if heap.count < capacity {
      heap.append(entry)
      raise(heap.count - 1)
    } else if entry.ranksBefore(heap[0]) {
      heap[0] = entry
      lower(0)
    }
  }

  /// Takes in what another search found in other documents.
  package mutating func merge(_ other: TopDocuments) {
    for entry in other.heap { offer(entry) }
  }

  private mutating func raise(_ start: Int) {
    var child = start
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[parent].ranksBefore(heap[child]) else { return }
      heap.swapAt(parent, child)
      child = parent
    }
  }

  private mutating func lower(_ start: Int) {
    var parent = start
    while true {
      var worst = parent
      for child in 2 * parent + 1...2 * parent + 2 where child < heap.count && heap[worst].ranksBefore(heap[child]) {
        worst = child
      }
      if worst == parent { return }
      heap.swapAt(parent, worst)
      parent = worst
    }
  }
}
