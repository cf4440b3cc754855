import ArgumentParser
import Communication
import Foundation
import Training

struct ReportCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract:
      "Writes one page about a run, or several beside each other: curves, evaluations, configuration, machines.",
    discussion: """
      Examples:

        colbert report runs/quickstart --output report.html
        colbert report runs/seed-42 runs/seed-43 runs/seed-44 --output seeds.html

      A run is the folder that run.directory names; it may still be at work. The page holds all it needs: no network, no \
      script. Of several runs it says which keys of their configurations differ.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @Argument(help: ArgumentHelp("The folders of runs.", valueName: "run"), completion: .directory)
  var runs: [String]

  @Option(help: ArgumentHelp("Where the page goes.", valueName: "file.html"), completion: .file(extensions: ["html"]))
  var output: String

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    try communicator.prepare(console) {
      for run in runs { try UsageError.check("run", PathCheck.runFolder(run)) }
      try UsageError.check("--output", PathCheck.output(output))
    }
    try communicator.onRoot("writing the report") { () -> Void in
      let reported = try zip(runs, shortNames(of: runs)).map { folder, name in
        ReportedRun(
          name: name, record: try RunRecord(folder: folder),
          configuration: try ConfigurationFile.read("\(folder)/config.yaml").entries)
      }
      try Data(reportPage(reported).utf8).write(to: URL(fileURLWithPath: output))
      print(output)
    }
    return 0
  }
}

/// A run with the name it has on the page, and its configuration.
struct ReportedRun {
  let name: String
  let record: RunRecord
  let configuration: [(key: String, value: String)]
}

/// The last component of each folder, or as many as tell it from the others.
private func shortNames(of folders: [String]) -> [String] {
  let components = folders.map { $0.split(separator: "/").map(String.init) }
  let longest = components.map(\.count).max() ?? 1
  for count in 1...max(1, longest) {
    let names = components.map { $0.suffix(count).joined(separator: "/") }
    if Set(names).count == names.count && !names.contains("") { return names }
  }
  return folders
}
