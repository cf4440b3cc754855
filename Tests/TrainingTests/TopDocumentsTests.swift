import Testing
import Training

@Suite struct TopDocumentsTests {
  /// `count` entries, in an order without pattern, with scores of which many are equal.
  func entries(_ count: Int) -> [TopDocuments.Entry] {
    (0..<count).map { index in
      let document = index * 7919 % count
      return TopDocuments.Entry(score: Float(document * document % 23) - 11, document: document)
    }
  }

  func sorted(_ entries: [TopDocuments.Entry]) -> [TopDocuments.Entry] {
    entries.sorted { ($0.score, $0.document) > ($1.score, $1.document) }
  }

  @Test(arguments: [1, 2, 7, 64, 1000, 2000], [0, 1, 5, 63, 64, 65, 1000])
  func keepsWhatFullSortingPutsFirst(capacity: Int, count: Int) {
    var top = TopDocuments(capacity: capacity)
    for entry in entries(count) { top.offer(entry) }
    #expect(top.ranked == Array(sorted(entries(count)).prefix(capacity)))
  }

  @Test(arguments: [1, 2, 3, 8, 40])
  func mergingPartsEqualsSearchingAll(parts: Int) {
    let all = entries(500)
    let searches = (0..<parts).map { part in
      var top = TopDocuments(capacity: 50)
      for entry in all[500 * part / parts..<500 * (part + 1) / parts] { top.offer(entry) }
      return top
    }
    var merged = TopDocuments(capacity: 50)
    for search in searches.reversed() { merged.merge(search) }
    #expect(merged.ranked == Array(sorted(all).prefix(50)))
  }
}
