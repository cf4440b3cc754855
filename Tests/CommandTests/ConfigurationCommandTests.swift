import Foundation
import TestSupport
import Testing

@testable import Training

/// What the built `colbert` says and how it leaves, alone and under `mpirun`.
@Suite struct ConfigurationCommandTests {
  /// The least that lets a run begin, but for `keys`, which stand from line 4 on.
  static func yaml(_ keys: String = "") -> String {
    """
    model: {path: model}
    data:
      train: [train.jsonl]
    \(keys)
    """
  }

  static let files = [
    "model/config.json": "{}", "train.jsonl": "", "beir/corpus.jsonl": "", "beir/queries.jsonl": "",
    "beir/qrels/test.tsv": "",
  ]

  /// What `colbert train run.yaml` says on standard error, where `run.yaml` holds `yaml`; it must leave with 64.
  private func refusal(of yaml: String, _ arguments: [String] = [], and more: [String: String] = [:]) throws -> String {
    try withFolder(Self.files.merging(more.merging(["run.yaml": yaml]) { $1 }) { $1 }) { folder in
      let ended = try Command.colbert(["train", "run.yaml"] + arguments, in: folder)
      #expect(ended.status == 64)
      #expect(ended.output == "")
      return ended.errors.replacingOccurrences(of: folder, with: "FOLDER")
    }
  }

  @Test(arguments: [
    (
      yaml("run:\n  steps: 5\n  keep: 1\n  steps: 6"),
      "error: run.yaml:5: steps is given more than once; keep one of them\n"
    ),
    (
      yaml("run:\n\tsteps: 5"),
      "error: run.yaml:5: this is not YAML: found character that cannot start any token (while scanning for the next token in line 5)\n"
    ),
    (
      yaml("run: {steps: 5"),
      "error: run.yaml:5: this is not YAML: did not find expected ',' or '}' (while parsing a flow mapping in line 4)\n"
    ),
    (
      yaml("run: *gone"), "error: run.yaml:4: this is not YAML: found undefined alias\n"
    ),
    (
      yaml("---\nrun: {}"),
      "error: run.yaml:4: this is not YAML: but found another document (expected a single document in the stream in line 1)\n"
    ),
    (yaml("[a, b]: 1"), "error: run.yaml:4: a key must be a word, not a list or a map\n"),
    ("", "error: run.yaml: the configuration is empty; it must name at least model.path and data.train\n"),
    ("# nothing\n", "error: run.yaml: the configuration is empty; it must name at least model.path and data.train\n"),
    ("- a\n- b\n", "error: run.yaml:1: expected a map of keys and values, found a list\n"),
    ("just words", "error: run.yaml:1: expected a map of keys and values, found the text \"just words\"\n"),
    (
      yaml("batch:\n  queries: \"64\"\n  acumulation: 2\nnegatives: {scope: all}"),
      """
      error: run.yaml:5: batch.queries: expected a whole number, found the text "64"
      error: run.yaml:6: batch.acumulation is not a known key; did you mean batch.accumulation?
      error: run.yaml:7: negatives.scope: expected one of global, rank, own, found the text "all"

      """
    ),
    (
      "model: {path: gone}\ndata:\n  train:\n    - train.jsonl\n    - beir\nevaluation: {data: model}\n",
      """
      error: run.yaml:1: model.path: there is no folder gone in FOLDER; name the folder of a Hugging Face model
      error: run.yaml:5: data.train: beir is a folder; name a file in it
      error: run.yaml:6: evaluation.data: model has no corpus.jsonl, no queries.jsonl, no qrels/test.tsv; \
      name the folder of a collection in BEIR's or FlagEmbedding's layout

      """
    ),
  ])
  func refusesAConfiguration(yaml: String, errors: String) throws {
    #expect(try refusal(of: yaml) == errors)
  }

  @Test(arguments: [
    (["--set", "batch.queries=0"], "error: --set: batch.queries: 0 is out of range; it must be 1 or more\n"),
    (
      ["--set", "batch.queries=8", "--set", "batch.queries=no"],
      "error: --set: batch.queries: expected a whole number, found the text \"no\"\n"
    ),
    (["--set", "model.pth=x"], "error: --set: model.pth is not a known key; did you mean model.path?\n"),
    (
      ["--set", "model.path"],
      "error: --set: expected key.path=value such as run.steps=100, found the text \"model.path\"\n"
    ),
    (
      ["--set", "model..path=1"],
      "error: --set: expected key.path=value such as run.steps=100, found the text \"model..path=1\"\n"
    ),
    (
      ["--set", "model.train={top: 0}"],
      "error: --set: model.train: expected {top: K} with a whole number K of 1 or more, found 0\n"
    ),
    (
      ["--set", "model.train={top"],
      "error: --set: model.train={top: this is not YAML: did not find expected ',' or '}' (while parsing a flow mapping in line 1)\n"
    ),
    (["--resume", "gone"], "error: --resume: there is no folder gone in FOLDER; name one that is there\n"),
  ])
  func refusesArguments(arguments: [String], errors: String) throws {
    #expect(try refusal(of: Self.yaml(), arguments) == errors)
  }

  @Test func setMendsTheFile() throws {
    let broken = Self.yaml("batch: {queries: 0, accumulation: 0}")
    #expect(
      try refusal(of: broken, ["--set", "batch.queries=8"])
        == "error: run.yaml:4: batch.accumulation: 0 is out of range; it must be 1 or more\n")
  }

  @Test func followsAnchors() throws {
    let anchored = Self.yaml("optimizer: {learning_rate: &rate 3e-5, head_learning_rate: *rate}\nrun: {keep: 0}")
    #expect(try refusal(of: anchored) == "error: run.yaml:5: run.keep: 0 is out of range; it must be 1 or more\n")
  }

  /// The resolved file of a run is read back to the last bit: only the key that was changed is named.
  @Test func namesTheKeysThatMakeAnotherRun() throws {
    var earlier = Configuration()
    earlier.model.path = "model"
    earlier.data.train = ["train.jsonl"]
    earlier.run.directory = "runs/run"
    earlier.optimizer.learningRate = 3.3333333333333335e-5
    earlier.model.train = .top(2)
    let same = [
      "--set", "optimizer.learning_rate=3.3333333333333335e-5", "--set", "model.train={top: 2}", "--set", "run.steps=9",
      "--set", "batch.accumulation=2",
    ]
    let used = ["runs/run/config.yaml": earlier.resolvedYAML]
    #expect(
      try refusal(of: Self.yaml(), same + ["--set", "run.seed=7", "--set", "loss.temperature=0.5"], and: used) == """
        error: run.yaml: loss.temperature: null before, 0.5 now
        error: run.yaml: run.seed: 42 before, 7 now
        error: runs/run holds a run with another configuration; set these keys back, or another run.directory

        """)
    #expect(
      try refusal(of: Self.yaml(), same + ["--resume", "never"], and: used)
        == "error: --resume never: runs/run holds a run already; remove it or set another run.directory\n")
  }

  @Test(
    arguments: [
      ([], 0), (["--help"], 0), (["--version"], 0), (["train", "--help"], 0), (["help", "evaluate"], 0),
      (["trian"], 64),
      (["train"], 64), (["train", "gone.yaml"], 64), (["train", "a", "b"], 64), (["evaluate"], 64),
      (["evaluate", "--model", "model"], 64), (["evaluate", "--model", "gone", "--data", "beir"], 64),
      (["evaluate", "--model", "model", "--data", "model"], 64), (["tokenize", "--model", "model", "--role", "x"], 64),
      (["encode", "--model", "model", "--role", "query", "--input", "train.jsonl", "--output", "no/x"], 64),
      (["tokenize", "--model", "model", "--role", "query", "--input", "gone"], 64),
      (["tokenize", "--model", "model", "--role", "query", "--input", "train.jsonl", "--max-length", "2"], 64),
      (["gradients", "gone.yaml", "--output", "x"], 64),
    ] as [([String], Int32)])
  func leavesWithTheContractsStatus(arguments: [String], status: Int32) throws {
    try withFolder(Self.files) { folder in
      let ended = try Command.colbert(arguments, in: folder)
      #expect(ended.status == status)
      #expect((status == 0 ? ended.errors : ended.output) == "", "only one of the two outputs is for this")
      #expect((status == 0 ? ended.output : ended.errors) != "")
    }
  }

  @Test func teachesInItsHelp() throws {
    let help = try Command.colbert(["train", "--help"], in: ".").output
    for word in ["mpirun -n 4", "learning_rate: 3e-5", "EXIT STATUS", "75", "--set", "--resume"] {
      #expect(help.contains(word))
    }
  }

  @Test(.enabled(if: Command.mpirun != nil, "needs mpirun"))
  func saysEachFaultOnceOnAllRanks() throws {
    try withFolder(Self.files.merging(["run.yaml": Self.yaml("run: {keep: 0}")]) { $1 }) { folder in
      let fault = "run.yaml:4: run.keep: 0 is out of range"
      let wrong = try Command.colbert(["train", "run.yaml"], ranks: 2, in: folder)
      #expect(wrong.status == 64)
      #expect(wrong.errors.components(separatedBy: fault).count == 2)

      let unknown = try Command.colbert(["trian"], ranks: 2, in: folder)
      #expect(unknown.status == 64)
      #expect(unknown.errors.components(separatedBy: "is not a command").count == 2)

      let version = try Command.colbert(["--version"], ranks: 2, in: folder)
      #expect(version.status == 0)
      #expect(version.output.components(separatedBy: "colbert ").count == 2)
    }
  }
}
