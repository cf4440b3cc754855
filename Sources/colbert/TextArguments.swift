import ArgumentParser
import Tokenizers
import Training

extension TextRole: ExpressibleByArgument {}

/// The arguments of a command that reads texts for a model.
struct TextArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp("The folder of the model, or its name in the cache.", valueName: "dir"), completion: .directory)
  var model: String

  @Option(help: ArgumentHelp("What the texts are to the model.", valueName: "query|document"))
  var role: TextRole

  @Option(
    help: ArgumentHelp("The texts: a {\"text\": …} a line; BEIR's _id and title are allowed.", valueName: "file.jsonl"),
    completion: .file(extensions: ["jsonl"]))
  var input: String

  @Option(
    help: ArgumentHelp(
      "The most tokens of a text, special ones, markers and expansion too. (default: the model's)", valueName: "n"))
  var maxLength: Int?

  func validate() throws {
    if let maxLength, maxLength < 3 {
      throw ValidationError("--max-length is \(maxLength); it must be 3 or more, as special tokens count too.")
    }
  }

  /// Looks for the paths, and gives the model's folder; for rank 0.
  func modelFolder() throws -> String {
    try UsageError.check("--input", PathCheck.file(input))
    return try UsageError.modelFolder("--model", model)
  }
}
