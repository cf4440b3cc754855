import Training
import Yams

extension ConfigurationNode {
  /// The tree of a YAML text; nodes know their lines. A text of comments alone is `null`.
  init(yaml text: String, file: String) throws(ConfigurationError) {
    let root: Node?
    do {
      root = try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
    } catch {
      throw ConfigurationError([ConfigurationProblem(yaml: error, file: file)])
    }
    try self.init(root ?? "", of: file) { mark in ConfigurationSource(file: file, line: mark?.line) }
    source = ConfigurationSource(file: file, line: root?.mark?.line)
  }

  /// The tree that holds only what `--set key.path=value` says.
  init(override: String) throws(ConfigurationError) {
    let parts = override.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let keys = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !keys.contains("") else {
      throw ConfigurationError([
        ConfigurationProblem(.set, "expected key.path=value such as run.steps=100, found the text \"\(override)\"")
      ])
    }
    let root: Node?
    do {
      root = try Parser(yaml: String(parts[1]), resolver: .basic, encoding: .utf8).singleRoot()
    } catch {
      let problem = ConfigurationProblem(yaml: error, file: "")
      throw ConfigurationError([ConfigurationProblem(.set, "\(override): \(problem.message)")])
    }
    let value = try ConfigurationNode(root ?? "", of: "--set") { _ in .set }
    self = keys.reversed().reduce(value) { node, key in
      ConfigurationNode(.map([Entry(key: key, keySource: .set, node: node)]), at: .set)
    }
  }

  /// - Parameter source: where a mark of the parser's is.
  private init(
    _ node: Node, of file: String, source: (Mark?) -> ConfigurationSource
  ) throws(ConfigurationError) {
    let place = source(node.mark)
    switch node {
    case .scalar(let scalar):
      let isPlain = scalar.style == .plain || scalar.style == .any
      self.init(isPlain ? Self.plainScalar(scalar.string) : .string(scalar.string), at: place)
    case .sequence(let items):
      var list: [ConfigurationNode] = []
      for item in items { list.append(try ConfigurationNode(item, of: file, source: source)) }
      self.init(.list(list), at: place)
    case .mapping(let pairs):
      var entries: [Entry] = []
      for (key, value) in pairs {
        guard case .scalar(let name) = key else {
          throw ConfigurationError([ConfigurationProblem(source(key.mark), "a key must be a word, not a list or a map")]
          )
        }
        entries.append(
          Entry(
            key: name.string, keySource: source(key.mark),
            node: try ConfigurationNode(value, of: file, source: source)))
      }
      self.init(.map(entries), at: place)
    case .alias: preconditionFailure("the parser resolves aliases")
    }
  }
}

extension ConfigurationProblem {
  /// What YAML's parser complains about, in one line.
  fileprivate init(yaml error: any Error, file: String) {
    switch error {
    case YamlError.scanner(let context, let problem, let mark, _),
      YamlError.parser(let context, let problem, let mark, _),
      YamlError.composer(let context, let problem, let mark, _):
      let context = context.map { " (\($0.text) in line \($0.mark.line))" } ?? ""
      self.init(ConfigurationSource(file: file, line: mark.line), "this is not YAML: \(problem)\(context)")
    case YamlError.reader(let problem, let offset, _, let text):
      let line = offset.map { text.prefix($0).count { $0.isNewline } + 1 }
      self.init(ConfigurationSource(file: file, line: line), "this is not YAML: \(problem)")
    case YamlError.duplicatedKeysInMapping(let duplicates, let context):
      let keys = duplicates.joined(separator: ", ")
      self.init(
        ConfigurationSource(file: file, line: context.mark.line), "\(keys) is given more than once; keep one of them")
    default:
      self.init(ConfigurationSource(file: file), "this is not YAML: \(error)")
    }
  }
}
