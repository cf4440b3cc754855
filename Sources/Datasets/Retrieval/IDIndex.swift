/// Finds the place of an id among others in ascending order of their bytes, the order by which `trec_eval` breaks ties.
struct IDIndex {
  /// The ids in ascending order of their bytes.
  private let sorted: [String]
  /// `order[place]` is the position in the given list of the id at `place`.
  let order: [Int]

  init(_ ids: [String]) {
    order = ids.indices.sorted { ids[$0].bytesPrecede(ids[$1]) }
    sorted = order.map { ids[$0] }
  }

  var count: Int { sorted.count }

  func place(of id: String) -> Int? {
    var range = sorted.indices
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      if sorted[middle].bytesPrecede(id) {
        range = middle + 1..<range.upperBound
      } else if id.bytesPrecede(sorted[middle]) {
        range = range.lowerBound..<middle
      } else {
        return middle
      }
    }
    return nil
  }

  /// The positions in the given list of two equal ids, the earlier first, or `nil` when all differ.
  var duplicate: (first: Int, second: Int)? {
    for place in sorted.indices.dropFirst() where !sorted[place - 1].bytesPrecede(sorted[place]) {
      return (min(order[place - 1], order[place]), max(order[place - 1], order[place]))
    }
    return nil
  }
}

extension String {
  /// Whether the UTF-8 bytes come before the other's. `<` would take different spellings of one character as equal.
  fileprivate func bytesPrecede(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
