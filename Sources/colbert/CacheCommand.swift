import ArgumentParser
import Checkpoints
import Communication
import Foundation
import Training

struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache",
    abstract: "Shows or removes the hidden states that runs with cache.directory have kept.",
    discussion: """
      When model.train leaves lower layers frozen, what they make of a text never changes. With cache.directory set, a \
      run computes it when the text is first met and keeps it for later epochs and later runs:

        colbert train my.yaml --set model.train=head --set cache.directory=cache
        colbert cache list cache
        colbert cache remove cache

      Each model, number of frozen layers, precision and kind of processor has its own set, which no other run reads. \
      In float32 the result is bit for bit that of a run without cache; cache.precision: bfloat16 takes half the room \
      and rounds.

      \(ColBERTCommand.exitStatusHelp)
      """,
    subcommands: [CacheListCommand.self, CacheRemoveCommand.self])
}

struct CacheListCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Prints what each set of hidden states belongs to, and its size.")

  @Argument(help: ArgumentHelp("What cache.directory names.", valueName: "directory"), completion: .directory)
  var directory: String

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    try communicator.onRoot("reading the cache") {
      try UsageError.check("directory", PathCheck.folder(directory))
      let sets = try HiddenStateFolder.all(in: directory)
      if sets.isEmpty { print("no hidden states in \(directory)") }
      for set in sets { print(set.line) }
    }
    return 0
  }
}

struct CacheRemoveCommand: RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Removes all sets of hidden states in a cache, or one of them.",
    discussion: "Other files stay. A run that is at work goes on; the room is free when it has ended.")

  @Argument(
    help: ArgumentHelp("What cache.directory names, or one of the sets in it.", valueName: "directory"),
    completion: .directory)
  var directory: String

  func run(on communicator: any Communicator, console: Console) throws -> Int32 {
    try communicator.onRoot("removing the cache") {
      try UsageError.check("directory", PathCheck.folder(directory))
      let sets = try HiddenStateFolder.named(directory)
      if sets.isEmpty { print("no hidden states in \(directory)") }
      for set in sets {
        try set.remove()
        print("removed \(set.line)")
      }
    }
    return 0
  }
}

extension HiddenStateFolder {
  fileprivate var line: String {
    "\(path)  \(byteText(bytes)) in \(fileCount) file\(fileCount == 1 ? "" : "s")  \(about)"
  }
}
