import ArgumentParser
import Communication
import Foundation
import Training

extension ModelLayout: ExpressibleByArgument {}

struct ExportCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes a checkpoint or a model as a folder that other libraries read.",
    discussion: """
      Examples:

        colbert export --checkpoint runs/head --format flagembedding --output mine
        colbert export --checkpoint runs/all/checkpoints/step-500 --merge 0.5 \\
          --format flagembedding --output half
        colbert export --model colbertv2.0 --format sentence-transformers \\
          --output colbertv2-st6

      Formats:

        flagembedding           as BAAI/bge-m3, for FlagEmbedding
        sentence-transformers   version 6, MultiVectorEncoder
        pylate                  PyLate 1.6
        stanford                as colbert-ir/colbertv2.0, for colbert-ai

      Read back, the folder gives the same vectors bit for bit. Where a format cannot express the model, export refuses \
      and names what would be lost; --allow-inexact writes what fits.

      Merging answers forgetting: --merge 0.5 is the mean of the trained parameters and those that training began with, \
      --merge 1 the trained ones, --merge 0 those at the start.

      Works on rank 0; without mpirun too.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @Option(
    help: ArgumentHelp(
      "A checkpoint (a step-N folder), or a run's folder: its newest good checkpoint.", valueName: "dir"),
    completion: .directory)
  var checkpoint: String?

  @Option(
    help: ArgumentHelp("Instead of --checkpoint: the folder of any model.", valueName: "dir"), completion: .directory)
  var model: String?

  @Option(
    help: ArgumentHelp(
      "The layout of the folder.", valueName: ModelLayout.allCases.map(\.rawValue).joined(separator: "|")))
  var format: ModelLayout

  @Option(
    help: ArgumentHelp("The folder to be made; it must not be there, or be empty.", valueName: "dir"),
    completion: .directory)
  var output: String

  @Option(
    help: ArgumentHelp(
      "Interpolates with the model that training began with; the share of the trained one, from 0 to 1.", valueName: "w"
    ))
  var merge: Double?

  @Option(
    help: ArgumentHelp(
      "With --model and --merge: the model that training began with. (A checkpoint knows: its run's model.path.)",
      valueName: "dir"), completion: .directory)
  var mergeWith: String?

  @Flag(help: "Exports although the format cannot express all of the model; warnings say what is lost.")
  var allowInexact = false

  func validate() throws {
    guard (checkpoint == nil) != (model == nil) else {
      throw ValidationError("Give either --checkpoint DIR or --model DIR.")
    }
    if let merge, !(0...1).contains(merge) {
      throw ValidationError("--merge is \(merge); it is a share of the trained model, from 0 to 1.")
    }
    if model != nil, (merge == nil) != (mergeWith == nil) {
      throw ValidationError(
        "--model needs --merge W and --merge-with DIR together: a folder does not say what it was trained from.")
    }
    if checkpoint != nil, mergeWith != nil {
      throw ValidationError("--merge-with goes with --model; a checkpoint merges with its run's model.path.")
    }
  }

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    let request = try communicator.prepare(console) {
      if let checkpoint {
        try UsageError.check(
          "--checkpoint", PathCheck.folder(checkpoint) ?? ResumePolicy.lackOfCheckpoint(in: checkpoint))
      }
      let modelFolder = try model.map { try UsageError.modelFolder("--model", $0) }
      let mergeFolder = try mergeWith.map { try UsageError.modelFolder("--merge-with", $0) }
      try UsageError.check("--output", PathCheck.newFolder(output))
      return ExportRequest(
        source: checkpoint.map { .checkpoint($0) } ?? .model(modelFolder!), layout: format, output: output,
        merge: merge,
        mergeStart: mergeFolder, allowsInexact: allowInexact)
    }
    try exportModel(request, communicator: communicator, console: console)
    return 0
  }
}
