import ArgumentParser
import Communication
import Training

struct DownloadCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "download",
    abstract: "Fetches a model from the Hugging Face Hub, for model.path and --model to name.",
    discussion: """
      Examples:

        colbert download BAAI/bge-m3
        colbert train configs/bge-m3-head.yaml --set model.path=BAAI/bge-m3
        colbert download colbert-ir/colbertv2.0 --revision main
        colbert download ORG/NAME --include 'onnx/*'

      It goes into the cache that Hugging Face's Python libraries use, which share it. Fetched is what a ColBERT needs: \
      configuration, tokenizer, heads, and the weights once, as safetensors where there are some. A download that was \
      stopped goes on where it was; every file's hash is checked. Printed is the folder.

      Environment, as Hugging Face's libraries read it:

        HF_TOKEN          a token, for private and gated models (else what hf auth login has left)
        HF_HOME           where the cache and the token are (default: ~/.cache/huggingface)
        HF_HUB_CACHE      where the cache is (default: $HF_HOME/hub)
        HF_ENDPOINT       another Hub, or a mirror (default: https://huggingface.co)
        HF_HUB_OFFLINE    1: only look into the cache
        https_proxy       a proxy

      It runs curl, which must be installed.

      \(ColBERTCommand.exitStatusHelp)
      """)

  @Argument(help: ArgumentHelp("The model, such as BAAI/bge-m3.", valueName: "org/name"))
  var name: String

  @Option(help: ArgumentHelp("A branch, a tag or a commit. (default: main)", valueName: "revision"))
  var revision: String?

  @Option(
    help: ArgumentHelp(
      "Fetches the files of this pattern too; may be given several times. * stands for any letters, / too.",
      valueName: "pattern"))
  var include: [String] = []

  @Flag(help: "Fetches every file of the model.")
  var all = false

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    // The others only wait, however long it takes.
    communicator.timeout = .seconds(7 * 24 * 3600)
    let request = try communicator.prepare(console) { try DownloadRequest(model(), patterns: include, isAll: all) }
    try communicator.onRoot("downloading \(name)") { () -> Void in
      print(try downloadModel(request, console: console))
    }
    return 0
  }

  private func model() throws -> HubModel {
    guard let named = HubModel(name) else {
      throw UsageError(
        "\(name) is no name of a model on the Hub, which is ORG/NAME, such as BAAI/bge-m3 or google-bert/bert-base-uncased"
      )
    }
    guard let revision else { return named }
    guard named.revision == HubModel.mainRevision, let model = named.at(revision) else {
      throw UsageError("--revision \(revision): that is no branch, tag or commit, or \(name) names another")
    }
    return model
  }
}
