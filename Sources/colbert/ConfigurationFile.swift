import Foundation
import Training

/// Reads configurations from YAML files and `--set` arguments.
enum ConfigurationFile {
  /// The configuration of the file at `path` with `overrides` laid over it.
  ///
  /// - Parameters:
  ///   - overrides: `key.path=value`, the value in YAML; later ones win.
  ///   - paths: those of its paths that must be there.
  /// - Throws: `ConfigurationError` with every problem found.
  static func read(
    _ path: String, overrides: [String] = [], checking paths: ConfigurationPaths = []
  ) throws(ConfigurationError) -> Configuration {
    var tree = try ConfigurationNode(yaml: text(of: path), file: path)
    for override in overrides { tree = tree.overridden(by: try ConfigurationNode(override: override)) }
    return try Configuration(tree, checking: paths)
  }

  private static func text(of path: String) throws(ConfigurationError) -> String {
    if let problem = PathCheck.file(path) {
      throw ConfigurationError([ConfigurationProblem(ConfigurationSource(file: "CONFIG"), problem)])
    }
    // A handle, as the file may be a pipe: `colbert train <(sed … run.yaml)`.
    guard let data = try? FileHandle(forReadingFrom: URL(fileURLWithPath: path)).readToEnd() ?? Data(),
      let text = String(data: data, encoding: .utf8)
    else {
      throw ConfigurationError([ConfigurationProblem(ConfigurationSource(file: path), "is not UTF-8 text")])
    }
    return text
  }
}
