import ArgumentParser
import Communication
import Foundation
import Training

struct ExplainCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Shows which document token each query token matched, and how much of the score that is.",
    discussion: """
      Examples:

        colbert explain --model runs/quickstart/model --query 'play chess' \\
          --document 'gnuchess plays a game of chess' --document 'a spell checker'
        colbert explain --model runs/quickstart/model --against models/minilm --dimension 128 \\
          --query 'play chess' --document 'gnuchess plays a game of chess' --html explained.html

      A score is the sum, or for BGE-M3 the mean, of each query token's largest similarity to a document token; the score \
      is the one that evaluate ranks by. With --against a second model explains the same texts: what it said before, \
      beside what --model says now.

      On a terminal the document's tokens are coloured by what they contribute (NO_COLOR=1: not); the page of --html \
      has the similarity of every pair of tokens, and needs no network.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @Option(
    help: ArgumentHelp("The folder of the model, or its name in the cache.", valueName: "dir"), completion: .directory)
  var model: String

  @Option(help: "The query.")
  var query: String

  @Option(name: .customLong("document"), help: "A document; may be given several times.")
  var documents: [String]

  @Option(
    help: ArgumentHelp("A second model, for example the one before training.", valueName: "dir"),
    completion: .directory)
  var against: String?

  @Option(
    help: ArgumentHelp(
      "For a folder without a ColBERT head: how wide a new, random one is, as model.dimension of a run.", valueName: "n"
    )
  )
  var dimension: Int?

  @Option(
    help: ArgumentHelp("Writes a page with a heat map of all similarities.", valueName: "file"),
    completion: .file(extensions: ["html"]))
  var html: String?

  @Option(
    help: ArgumentHelp("Writes all numbers as JSON, one object for each model.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var json: String?

  @OptionGroup var products: PrecisionArgument

  func validate() throws {
    if documents.isEmpty { throw ValidationError("Give at least one --document TEXT.") }
    let texts = [("--query", query)] + documents.map { ("--document", $0) }
    for (option, text) in texts where text.allSatisfy(\.isWhitespace) {
      throw ValidationError("\(option) is empty; give a text.")
    }
    if let dimension, dimension < 1 { throw ValidationError("--dimension is \(dimension); it must be 1 or more.") }
  }

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    let folders = try communicator.prepare(console) {
      if let html { try UsageError.check("--html", PathCheck.output(html)) }
      if let json { try UsageError.check("--json", PathCheck.output(json)) }
      return try [("--model", model), ("--against", against)].map { option, model in
        try model.map { try UsageError.modelFolder(option, $0) }
      }
    }
    func explained(_ model: String) throws -> Explanation {
      try explain(
        model: model, dimension: dimension, precision: products.precision, query: query, documents: documents,
        communicator: communicator, console: console)
    }
    let before = try folders[1].map(explained)
    let now = try explained(folders[0]!)
    try communicator.onRoot("writing the explanation") { () -> Void in
      let style = ExplanationStyle(isColored: Terminal.takesColor(STDOUT_FILENO))
      print(now.text(before: before, style))
      if let html { try Data(explanationPage(now, before: before).utf8).write(to: URL(fileURLWithPath: html)) }
      if let json {
        try Data(([before, now].compactMap { $0 }.json + "\n").utf8).write(to: URL(fileURLWithPath: json))
      }
    }
    return 0
  }
}
