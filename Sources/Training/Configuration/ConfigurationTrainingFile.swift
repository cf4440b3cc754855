import Checkpoints

extension Configuration {
  /// An item of `data.train`: `FILE`, or `{file: FILE, weight: W}`.
  package struct TrainingFile: Equatable, Sendable {
    package var path: String
    /// `weight`: how often an epoch takes each row of it.
    package var weight = 1.0

    package init(path: String, weight: Double = 1) {
      self.path = path
      self.weight = weight
    }
  }
}

extension Configuration.TrainingFile: ExpressibleByStringLiteral {
  package init(stringLiteral path: String) { self.init(path: path) }
}

extension Configuration.TrainingFile: ConfigurationValue {
  static var expected: String { "a file, or {file: FILE, weight: W}" }

  /// An epoch of a thousand passes is a mistake, and keeps the number of an epoch's rows far from overflow.
  private static let weights = Allowed<Double>(description: "more than 0 and at most 1000") { $0 > 0 && $0 <= 1000 }

  static func read(_ node: ConfigurationNode) throws(ConfigurationMismatch) -> Self {
    switch node.value {
    case .string(let path): return Self(path: path)
    case .map(let entries): return try read(entries, of: node)
    default: throw ConfigurationMismatch(node, expected: expected)
    }
  }

  private static func read(
    _ entries: [ConfigurationNode.Entry], of node: ConfigurationNode
  ) throws(ConfigurationMismatch) -> Self {
    var path: String?
    var weight = 1.0
    for entry in entries {
      switch entry.key {
      case "file": path = try String.read(entry.node)
      case "weight":
        weight = try Double.read(entry.node)
        guard weights.contains(weight) else {
          throw ConfigurationMismatch(
            entry.node.source, "the weight \(entry.node.found) is out of range; it must be \(weights.description)")
        }
      default:
        let nearest = ["file", "weight"].min { editDistance(entry.key, $0) < editDistance(entry.key, $1) }!
        throw ConfigurationMismatch(
          entry.keySource, "\(entry.key) is not a known key of a file; did you mean \(nearest)?")
      }
    }
    guard let path else { throw ConfigurationMismatch(node.source, "the map names no file; write \(expected)") }
    return Self(path: path, weight: weight)
  }

  var written: ConfigurationNode.Value {
    weight == 1 ? path.written : .map([.init(key: "file", path.written), .init(key: "weight", weight.written)])
  }
}

extension Configuration.TrainingFile: Codable {
  private enum CodingKeys: CodingKey { case path, weight }

  /// A path alone is a file without a weight, as before there were any.
  package init(from decoder: any Decoder) throws {
    if let path = try? decoder.singleValueContainer().decode(String.self) {
      self.init(path: path)
      return
    }
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      path: try container.decode(String.self, forKey: .path),
      weight: try container.decode(Double.self, forKey: .weight))
  }

  package func encode(to encoder: any Encoder) throws {
    if weight == 1 {
      var container = encoder.singleValueContainer()
      return try container.encode(path)
    }
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(path, forKey: .path)
    try container.encode(weight, forKey: .weight)
  }
}
