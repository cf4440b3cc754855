/// The `count` of `names` that are fewest edits away from `name`, nearest first.
package func nearestNames(to name: String, among names: [String], count: Int) -> [String] {
  let distances = names.map { (distance: editDistance(name, $0), name: $0) }
  return distances.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(count).map(\.name)
}

/// The fewest insertions, deletions and replacements of characters that make `b` of `a` (Levenshtein).
package func editDistance(_ a: String, _ b: String) -> Int {
  let b = Array(b)
  var row = Array(0...b.count)
  for (i, character) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let replaced = diagonal + (character == b[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[b.count]
}
