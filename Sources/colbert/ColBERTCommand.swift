import ArgumentParser

@main struct ColBERTCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "colbert", abstract: "Trains late-interaction retrieval models on CPU clusters.")
}
