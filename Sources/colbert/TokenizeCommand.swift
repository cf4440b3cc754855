import ArgumentParser
import Communication
import Training

struct TokenizeCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Prints the token ids of texts, one JSON array per line.",
    discussion: """
      Example:

        colbert tokenize --model models/minilm --role query --input queries.jsonl | head

      The ids are what the encoder sees: with special tokens, markers and expansion, cut to the model's length.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @OptionGroup var texts: TextArguments

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    let model = try communicator.prepare(console) { try texts.modelFolder() }
    try tokenizeTexts(
      model: model, role: texts.role, input: texts.input, maxLength: texts.maxLength, communicator: communicator
    ) { ids in
      print("[\(ids.map(String.init).joined(separator: ", "))]")
    }
    return 0
  }
}
