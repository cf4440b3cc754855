/// Reads a tree into a configuration, noting every problem on the way instead of stopping at the first.
struct ConfigurationReader: ConfigurationVisitor {
  private(set) var problems: [ConfigurationProblem] = []
  /// The nodes of the keys that were given, by key path.
  private(set) var given: [String: ConfigurationNode] = [:]

  private let file: ConfigurationSource
  private var path: [String] = []
  /// The entries below `path` that no key has claimed yet.
  private var unclaimed: [ConfigurationNode.Entry]

  init(_ tree: ConfigurationNode) {
    file = ConfigurationSource(file: tree.source.file)
    unclaimed = []
    if tree.value == .null {
      note(tree.source, "the configuration is empty; it must name at least model.path and data.train")
    } else {
      unclaimed = entries(of: tree) ?? []
    }
  }

  mutating func section(_ key: String, _ body: (inout Self) -> Void) {
    let (entry, rest) = claim(key)
    path.append(key)
    if let keys = entry.map({ entries(of: $0.node) }) ?? [] {
      unclaimed = keys
      body(&self)
      reportUnclaimed()
    }
    path.removeLast()
    unclaimed = rest
  }

  mutating func value<Value: ConfigurationValue>(_ key: String, _ value: inout Value, _ allowed: Allowed<Value>) {
    let (entry, rest) = claim(key)
    unclaimed = rest
    let name = (path + [key]).joined(separator: ".")
    guard let entry else {
      if !allowed.contains(value) { note(file, "\(name) is missing; it must be \(allowed.description)") }
      return
    }
    given[name] = entry.node
    do throws(ConfigurationMismatch) {
      let read = try Value.read(entry.node)
      guard allowed.contains(read) else {
        return note(
          entry.node.source, "\(name): \(read.written.flow) is out of range; it must be \(allowed.description)")
      }
      value = read
    } catch {
      note(error.source, "\(name): \(error.message)")
    }
  }

  /// Notes the keys that nobody asked for. Called when all keys of a level are read.
  mutating func reportUnclaimed() {
    for entry in unclaimed {
      let name = (path + [entry.key]).joined(separator: ".")
      note(entry.keySource, "\(name) is not a known key; did you mean \(Configuration.nearestKey(to: name))?")
    }
  }

  mutating func note(_ source: ConfigurationSource, _ message: String) {
    problems.append(ConfigurationProblem(source, message))
  }

  private func claim(_ key: String) -> (claimed: ConfigurationNode.Entry?, rest: [ConfigurationNode.Entry]) {
    (unclaimed.first { $0.key == key }, unclaimed.filter { $0.key != key })
  }

  /// The keys of a section, none if nothing stands below it; `nil`, noted, if it is no map.
  private mutating func entries(of node: ConfigurationNode) -> [ConfigurationNode.Entry]? {
    switch node.value {
    case .map(let entries): return entries
    case .null: return []
    default:
      let name = path.isEmpty ? "" : "\(path.joined(separator: ".")): "
      note(node.source, "\(name)expected a map of keys and values, found \(node.found)")
      return nil
    }
  }
}
