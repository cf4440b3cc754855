import ArgumentParser
import Communication
import Training

struct GradientsCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "gradients",
    abstract: "Writes the gradient of every trained tensor for the first batch of a run.",
    discussion: """
      Examples:

        colbert gradients configs/quickstart.yaml --output one.safetensors
        mpirun -n 3 colbert gradients configs/quickstart.yaml \\
          --output three.safetensors --set batch.accumulation=2

      It is step 0 of the run, with dropout as configured, before clipping; the numbers are the same however many \
      ranks and chunks there are. Tensors have the names Hugging Face gives them. The last line printed is the loss:

        {"loss": 2.7081, "queries": 64, "documents": 128}

      \(ColBERTCommand.exitStatusHelp)
      """)

  @OptionGroup var arguments: ConfigurationArguments

  @Option(
    help: ArgumentHelp("Where the gradients go.", valueName: "file.safetensors"),
    completion: .file(extensions: ["safetensors"]))
  var output: String

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    let configuration = try communicator.prepare(console) {
      try UsageError.check("--output", PathCheck.output(output))
      return try ConfigurationFile.read(
        arguments.config, overrides: arguments.overrides.values, checking: [.model, .batches, .cacheDirectory])
    }
    let batch = try firstBatchGradients(
      configuration: configuration, output: output, communicator: communicator, console: console)
    try communicator.onRoot("printing the loss") {
      print("{\"loss\": \(batch.loss), \"queries\": \(batch.queries), \"documents\": \(batch.documents)}")
    }
    return 0
  }
}
