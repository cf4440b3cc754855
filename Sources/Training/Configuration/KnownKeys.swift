import Checkpoints

extension Configuration {
  /// All key paths, sections before their keys, in the order of the file.
  static let knownKeys: [String] = {
    var keys: [String] = []
    for leaf in Configuration().leaves {
      let parts = leaf.key.split(separator: ".")
      for length in 1...parts.count {
        let key = parts.prefix(length).joined(separator: ".")
        if !keys.contains(key) { keys.append(key) }
      }
    }
    return keys
  }()

  /// The known key that `key` was probably meant to be: the one with the fewest edits between them, where a right name
  /// in a wrong section is two edits away and initials (`lr`) are as good as the name.
  static func nearestKey(to key: String) -> String {
    let name = lastPart(key)
    let distances = knownKeys.map { known in
      let wrongSection = section(key) == section(known) ? 0 : 2
      return min(editDistance(key, known), wrongSection + nameDistance(name, lastPart(known)))
    }
    return knownKeys[distances.indices.min { (distances[$0], $0) < (distances[$1], $1) }!]
  }

  private static func lastPart(_ key: String) -> String { String(key.split(separator: ".").last ?? "") }
  private static func section(_ key: String) -> String { key.split(separator: ".").dropLast().joined(separator: ".") }

  private static func nameDistance(_ name: String, _ known: String) -> Int {
    let initials = String(known.split(separator: "_").compactMap(\.first))
    return initials.count > 1 && initials == name ? 0 : editDistance(name, known)
  }
}
