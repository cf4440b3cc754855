/// The `count` of `names` that are fewest edits away from `name`, nearest first.
func nearestNames(to name: String, among names: [String], count: Int) -> [String] {
  let wanted = Array(name.utf8)
  let distances = names.map { (distance: editDistance(wanted, Array($0.utf8)), name: $0) }
  return distances.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.prefix(count).map(\.name)
}

/// Levenshtein's distance: the fewest insertions, removals and changes of one byte that turn `a` into `b`.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var row = Array(0...b.count)
  for i in a.indices {
    var diagonal = row[0]
    row[0] = i + 1
    for j in b.indices {
      let change = diagonal + (a[i] == b[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(change, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[b.count]
}
