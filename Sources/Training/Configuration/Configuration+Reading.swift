extension Configuration {
  /// The configuration that `tree` describes, with the defaults where it is silent.
  ///
  /// - Parameters:
  ///   - tree: a whole file; its source names the file, and so the default of `run.directory`.
  ///   - paths: those that must be there; looked for on this machine.
  /// - Throws: every problem found: keys that are not known, values of a wrong type or out of range, what is missing,
  ///   keys that contradict each other, paths that are not there.
  package init(_ tree: ConfigurationNode, checking paths: ConfigurationPaths = []) throws(ConfigurationError) {
    self.init()
    run.directory = "runs/\(Self.baseName(of: tree.source.file))"

    var reader = ConfigurationReader(tree)
    guard reader.problems.isEmpty else { throw ConfigurationError(reader.problems) }
    visit(&reader)
    reader.reportUnclaimed()
    for (key, message) in contradictions {
      reader.note(reader.given[key]?.source ?? tree.source, "\(key): \(message)")
    }
    if paths.contains(.model), !model.path.isEmpty, case .failure(let problem) = findModel() {
      reader.note(reader.given["model.path"]?.source ?? tree.source, "model.path: \(problem)")
    }
    for (key, item, message) in problems(with: paths) {
      reader.note(reader.given[key]?.item(item).source ?? tree.source, "\(key): \(message)")
    }
    guard reader.problems.isEmpty else { throw ConfigurationError(reader.problems) }
  }

  /// `quickstart` of `configs/quickstart.yaml`.
  private static func baseName(of file: String) -> String {
    let name = file.split(separator: "/").last.map(String.init) ?? file
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
    return String(name[..<dot])
  }
}

extension ConfigurationNode {
  /// The item of a list, or the node itself.
  fileprivate func item(_ place: Int?) -> ConfigurationNode {
    guard let place, case .list(let items) = value else { return self }
    return items[place]
  }
}
