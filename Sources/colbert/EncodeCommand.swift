import ArgumentParser
import Communication
import Training

struct EncodeCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "encode",
    abstract: "Writes the vectors of texts.",
    discussion: """
      Examples:

        colbert encode --model models/minilm --role document \\
          --input texts.jsonl --output vectors.safetensors

      Under mpirun every rank encodes its share of the texts; the file is the same.

      The file holds `vectors` [kept tokens × dimension] float32, `starts` [texts + 1] int64 (text i is rows \
      starts[i] ..< starts[i + 1]) and `ids` int64, the token of each row.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @OptionGroup var texts: TextArguments
  @OptionGroup var products: PrecisionArgument
  @OptionGroup var vectors: DimensionArgument

  @Option(
    help: ArgumentHelp("Where the vectors go.", valueName: "file.safetensors"),
    completion: .file(extensions: ["safetensors"]))
  var output: String

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    let model = try communicator.prepare(console) {
      try UsageError.check("--output", PathCheck.output(output))
      return try texts.modelFolder()
    }
    try encodeTexts(
      model: model, role: texts.role, input: texts.input, output: output, maxLength: texts.maxLength,
      dimension: vectors.dimension, precision: products.precision, communicator: communicator, console: console)
    return 0
  }
}
