@testable import Training

/// A configuration as if line by line from a file: key path and value, `nil` for a line that does not matter.
func tree(_ keys: [(line: Int, key: String, value: ConfigurationNode.Value)], file: String = "CONFIG.yaml")
  -> ConfigurationNode
{
  let empty = ConfigurationNode(.map([]), at: ConfigurationSource(file: file, line: 1))
  return keys.reduce(empty) { tree, key in
    let source = ConfigurationSource(file: file, line: key.line)
    let value = ConfigurationNode(key.value, at: source)
    return tree.overridden(
      by: key.key.split(separator: ".").reversed().reduce(value) { node, name in
        ConfigurationNode(.map([.init(key: String(name), keySource: source, node: node)]), at: source)
      })
  }
}

/// The least that a configuration must say, on lines 1 and 2, then `keys`.
func configuration(
  _ keys: (line: Int, key: String, value: ConfigurationNode.Value)..., checking paths: ConfigurationPaths = []
) throws(ConfigurationError) -> Configuration {
  try Configuration(tree(least + keys), checking: paths)
}

let least: [(line: Int, key: String, value: ConfigurationNode.Value)] = [
  (1, "model.path", .string("models/minilm")), (2, "data.train", list(.string("train.jsonl"))),
]

func list(_ values: ConfigurationNode.Value...) -> ConfigurationNode.Value {
  .list(values.map { ConfigurationNode($0, at: ConfigurationSource(file: "CONFIG.yaml", line: 3)) })
}

func map(_ key: String, _ value: ConfigurationNode.Value) -> ConfigurationNode.Value {
  let source = ConfigurationSource(file: "CONFIG.yaml", line: 3)
  return .map([.init(key: key, keySource: source, node: ConfigurationNode(value, at: source))])
}

/// The lines of the error that `body` throws; none if it throws none.
func problems(_ body: () throws -> Configuration) -> [String] {
  do {
    _ = try body()
    return []
  } catch {
    return "\(error)".split(separator: "\n").map(String.init)
  }
}
