import ArgumentParser
import Communication
import Datasets
import Foundation
import Training

struct CompareCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Says whether two evaluations differ by more than chance.",
    discussion: """
      Examples:

        colbert evaluate --model models/minilm --data beir --per-query before.jsonl
        colbert evaluate my.yaml --per-query after.jsonl
        colbert compare before.jsonl after.jsonl

      For each figure: both means over the queries, the difference B - A with its 95% confidence interval (bootstrap over \
      the queries), and p, the chance of a difference as large, to either side, between equally good models: Fisher's \
      randomization test (Smucker, Allan and Carterette, CIKM 2007), exact for up to 16 queries that differ, else 100,000 \
      draws, always the same. With five figures, one in twenty below 0.05 is not much: choose the figure beforehand.

      Both files must hold the same queries.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @Argument(
    help: ArgumentHelp("The figures of an evaluation, as evaluate --per-query writes them.", valueName: "a.jsonl"),
    completion: .file(extensions: ["jsonl"]))
  var first: String

  @Argument(
    help: ArgumentHelp("Those of another.", valueName: "b.jsonl"), completion: .file(extensions: ["jsonl"]))
  var second: String

  @Option(
    help: ArgumentHelp("Writes the comparison to this file too, as one JSON object.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var json: String?

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    try communicator.prepare(console) {
      for file in [first, second] { try UsageError.check("compare", PathCheck.file(file)) }
      if let json { try UsageError.check("--json", PathCheck.output(json)) }
    }
    try communicator.onRoot("comparing the evaluations") { () -> Void in
      let comparison = try PairedComparison(QueryFigures(path: first), QueryFigures(path: second))
      print(table(comparison))
      if let json { try Data((comparison.json + "\n").utf8).write(to: URL(fileURLWithPath: json)) }
    }
    return 0
  }

  private func table(_ comparison: PairedComparison) -> String {
    func decimals(_ value: Double) -> String { Figure.decimals(value, 4) }
    func signed(_ value: Double) -> String { (value > 0 ? "+" : "") + decimals(value) }
    let rows = comparison.figures.map { figure in
      [
        figure.name, decimals(figure.a), decimals(figure.b), signed(figure.difference),
        "\(signed(figure.low)) to \(signed(figure.high))", Figure.decimals(figure.p, 5),
      ]
    }
    let table = TextTable(
      ["", "A", "B", "B - A", "95% confidence", "p"], rows, numbers: [1, 2, 3, 5])
    return "\(table)\n\(comparison.queries) queries; A: \(first), B: \(second)"
  }
}
