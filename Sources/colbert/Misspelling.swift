import ArgumentParser
import Checkpoints

/// A word of a command line that is no command or option, and the one that was probably meant.
///
/// The parser itself calls a misspelt command an unexpected argument, and asks for the option that it stands for.
enum Misspelling {
  /// What is wrong with the first such word of `arguments`; nil if there is none.
  static func problem(in arguments: [String]) -> String? {
    problem(in: arguments[...], ofCommand: ColBERTCommand.self, named: "colbert")
  }

  private static func problem(
    in words: ArraySlice<String>, ofCommand command: any ParsableCommand.Type, named name: String
  ) -> String? {
    let commands = subcommands(of: command)
    guard let word = words.first, !word.hasPrefix("-"), !commands.isEmpty else {
      return optionProblem(in: words, known: options(of: command), name)
    }
    if word == "help" { return nil }
    guard let found = commands.first(where: { $0.name == word }) else {
      return "\(word) is not a command of \(name); \(advice(for: word, among: commands.map(\.name)))"
    }
    return problem(in: words.dropFirst(), ofCommand: found.command, named: "\(name) \(word)")
  }

  private static func optionProblem(in words: ArraySlice<String>, known: [String], _ name: String) -> String? {
    let given = words.prefix { $0 != "--" }.filter { $0.hasPrefix("--") }.map { String($0.prefix { $0 != "=" }) }
    guard let wrong = given.first(where: { !known.contains($0) }) else { return nil }
    return "\(wrong) is not an option of \(name); \(advice(for: wrong, among: known))"
  }

  private static func advice(for word: String, among names: [String]) -> String {
    let longer = names.filter { $0.hasPrefix(word) && word.count > 2 }
    if longer.count == 1 { return "did you mean \(longer[0])?" }
    if let nearest = nearestNames(to: word, among: names, count: 1).first, editDistance(word, nearest) <= 2 {
      return "did you mean \(nearest)?"
    }
    return "there \(names.count == 1 ? "is" : "are") \(names.joined(separator: ", "))"
  }

  private static func subcommands(
    of command: any ParsableCommand.Type
  ) -> [(name: String, command: any ParsableCommand.Type)] {
    let configuration = command.configuration
    return configuration.subcommands.map { ($0.configuration.commandName ?? $0._commandName, $0) }
  }

  /// As the help of a command lists them.
  private static func options(of command: any ParsableCommand.Type) -> [String] {
    let lines = ColBERTCommand.helpMessage(for: command, columns: 400).split(separator: "\n")
    return lines.filter { $0.hasPrefix("  -") }.flatMap { line in
      // "-h, --help", two spaces or more, and what it does.
      let names = line.dropFirst(2).split(separator: "  ", maxSplits: 1)[0]
      return names.matches(of: /--[a-z][a-z0-9-]*/).map { String($0.output) }
    }
  }
}
