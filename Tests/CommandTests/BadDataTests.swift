import Foundation
import TestSupport
import Testing

/// Data and configurations that are wrong: one message that says where, the contract's status, and no rank that hangs.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct BadDataTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    /// The second of the file's lines; the first is good. Nil: the file is empty.
    let line: [UInt8]?
    let complaint: String
    var testDescription: String { name }

    init(_ name: String, _ line: String?, _ complaint: String) {
      self.init(name, bytes: line.map { Array($0.utf8) }, complaint)
    }

    init(_ name: String, bytes: [UInt8]?, _ complaint: String) {
      self.name = name
      line = bytes
      self.complaint = complaint
    }
  }

  static let cases = [
    Case("malformed", #"{"query": "x", "pos": ["y""#, "train.jsonl:2: the line is not valid JSON"),
    Case("missing field", #"{"query": "x"}"#, #"train.jsonl:2: the field "pos" is missing"#),
    Case("wrong type", #"{"query": "x", "pos": "y"}"#, #"train.jsonl:2: "pos" must be a list, but it is a string"#),
    Case("empty query", #"{"query": " ", "pos": ["y"]}"#, #"train.jsonl:2: "query" is empty"#),
    Case("empty document", #"{"query": "x", "pos": ["y"], "neg": [""]}"#, #"train.jsonl:2: "neg[0]" is empty"#),
    Case("empty file", nil, "train.jsonl: the file holds no row"),
    Case(
      "not UTF-8", bytes: Array(#"{"query": "a"#.utf8) + [0xFF] + Array(#"", "pos": ["y"]}"#.utf8),
      "train.jsonl:2: byte 13 of the line"),
  ]

  @Test(arguments: cases) func namesTheLine(defect: Case) throws {
    let folder = try TemporaryFolder()
    let good = Array("{\"query\": \"x\", \"pos\": [\"y\"]}".utf8)
    let lines = defect.line.map { [good, $0, good] } ?? []
    try folder.write(Data(lines.joined(separator: Array("\n".utf8))), to: "train.jsonl")
    try folder.write(ShortRun.configuration, to: "run.yaml")
    for ranks in [nil, 2] {
      let ended = try Command.colbert(
        ["train", "run.yaml", "--set", "data.train=[train.jsonl]"], ranks: ranks, in: folder.path, within: 20)
      #expect(ended.status == 65)
      #expect(ended.complaints.count == 1)
      #expect(ended.complaints.joined().contains(defect.complaint), "\(ended.errors)")
      #expect(!folder.has("run"), "nothing was begun")
    }
  }

  /// Distillation needs a score for every document; without it the same file will do.
  @Test func namesTheRowThatCannotTeach() throws {
    let folder = try TemporaryFolder()
    let rows = [#""pos_scores": [2], "neg_scores": [1]"#, #""pos_scores": [2], "neg_scores": [1, 0.5]"#].map {
      #"{"query": "x", "pos": ["y"], "neg": ["z"], \#($0)}"# + "\n"
    }
    try folder.write(rows.joined(), to: "train.jsonl")
    try folder.write(ShortRun.configuration, to: "run.yaml")
    func train(_ distillation: String, _ ranks: Int?) throws -> Command.Ended {
      try Command.colbert(
        [
          "train", "run.yaml", "--set", "data.train=[train.jsonl]", "--set", "loss.distillation=\(distillation)",
          "--set", "run.steps=1", "--set", "data.negatives_per_query=1",
        ], ranks: ranks, in: folder.path, within: 60)
    }
    for (distillation, ranks) in [("kl", nil), ("m3", 2)] as [(String, Int?)] {
      let ended = try train(distillation, ranks)
      #expect(ended.status == 65)
      #expect(ended.complaints.count == 1)
      #expect(
        ended.complaints.joined().contains(
          #"train.jsonl:2: the row cannot teach: "neg_scores" has 2 scores for the 1 texts of "neg""#),
        "\(ended.errors)")
      #expect(!folder.has("run"), "nothing was begun")
    }
    let ended = try train("none", nil)
    #expect(ended.status == 0)
    #expect(ended.errors.contains("teacher scores: not used by loss.distillation: none (rows that have them: 1)"))
  }

  /// A margin is one over a negative of the row's own: a run that would learn nothing is refused, one of two rows is not.
  @Test func aMarginNeedsANegative() throws {
    let folder = try TemporaryFolder()
    let without = #"{"query": "x", "pos": ["y"], "neg": [], "pos_scores": [2], "neg_scores": []}"# + "\n"
    let with = #"{"query": "u", "pos": ["v"], "neg": ["w"], "pos_scores": [2], "neg_scores": [1]}"# + "\n"
    try folder.write(ShortRun.configuration, to: "run.yaml")
    func train(_ rows: String) throws -> Command.Ended {
      try folder.write(rows, to: "train.jsonl")
      let settings = [
        "data.train=[train.jsonl]", "loss.distillation=margin_mse", "run.steps=1", "data.negatives_per_query=1",
        "batch.queries=2",
      ]
      return try Command.colbert(
        ["train", "run.yaml"] + settings.flatMap { ["--set", $0] }, in: folder.path, within: 60)
    }
    let refused = try train(without + without)
    #expect(refused.status == 64)
    #expect(refused.errors.contains("no row of data.train has any; colbert mine finds some"), "\(refused.errors)")
    let ended = try train(without + with)
    #expect(ended.status == 0, "\(ended.errors)")
  }

  /// Scores that a miner gave some rows only: the first row without them is named.
  @Test(arguments: [
    (#""pos_scores": [2]"#, #""neg_scores" is missing"#), (#""neg_scores": [1]"#, #""pos_scores" is missing"#),
    (#""pos_scores": [2], "neg_scores": ["high"]"#, #""neg_scores[0]" must be a number, but it is a string"#),
  ])
  func namesTheRowWithoutScores(scores: String, complaint: String) throws {
    let folder = try TemporaryFolder()
    let rows = [#""pos_scores": [2], "neg_scores": [1]"#, scores].map {
      #"{"query": "x", "pos": ["y"], "neg": ["z"], \#($0)}"# + "\n"
    }
    try folder.write(rows.joined(), to: "train.jsonl")
    try folder.write(ShortRun.configuration, to: "run.yaml")
    let settings = ["data.train=[train.jsonl]", "loss.distillation=m3", "run.steps=1"].flatMap { ["--set", $0] }
    for ranks in [nil, 2] {
      let ended = try Command.colbert(["train", "run.yaml"] + settings, ranks: ranks, in: folder.path, within: 20)
      #expect(ended.status == 65)
      #expect(ended.complaints.count == 1)
      #expect(ended.complaints.joined().contains("train.jsonl:2: "), "\(ended.errors)")
      #expect(ended.complaints.joined().contains(complaint), "\(ended.errors)")
      #expect(!folder.has("run"), "nothing was begun")
    }
  }

  /// What is over the limit is cut and counted, not refused: of 5 to 9 tokens with their three special ones, 7 fit.
  @Test(arguments: [nil, 2]) func countsWhatIsCutShort(ranks: Int?) throws {
    let run = try ShortRun()
    let rows = (0..<10).map { row in
      let document = Array(repeating: "a", count: 2 + row % 5).joined(separator: " ")
      return #"{"query": "a", "pos": ["\#(document)"]}"# + "\n"
    }
    try run.folder.write(rows.joined(), to: "train.jsonl")
    let settings = [
      "data.train=[train.jsonl]", "data.document_max_length=7", "batch.queries=5", "run.steps=2",
    ].flatMap { ["--set", $0] }
    let log = try run.finish(settings, ranks: ranks).errors
    #expect(log.contains("0 of 10 (0.0%) cut short; documents 6.4 (longest 7), 4 of 10 (40.0%) cut short\n"), "\(log)")
  }

  /// `encode` and `evaluate` read other files.
  @Test func namesTheLineOfTexts() throws {
    let folder = try TemporaryFolder()
    try folder.write("{\"text\": \"x\"}\n{\"txt\": \"y\"}\n", to: "texts.jsonl")
    for (file, text) in [
      ("corpus.jsonl", "{\"_id\": \"d\", \"text\": \"x\"}\n"), ("queries.jsonl", "{\"_id\": \"q\", \"text\": \"x\"}\n"),
      ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nother\td\t1\n"),
    ] { try folder.write(text, to: file) }
    let model = ["--model", fixture("tiny-pylate")]
    let text = ["--role", "query", "--input", "texts.jsonl"]
    for ranks in [nil, 2] {
      for (arguments, complaint) in [
        (["encode"] + model + text + ["--output", "x"], #"texts.jsonl:2: the field "text" is missing"#),
        (["tokenize"] + model + text, #"texts.jsonl:2: the field "text" is missing"#),
        (["evaluate"] + model + ["--data", "."], #"qrels/test.tsv:2: the query "other" is not in queries.jsonl"#),
      ] {
        let ended = try Command.colbert(arguments, ranks: ranks, in: folder.path, within: 20)
        #expect(ended.status == 65)
        #expect(ended.complaints.count == 1)
        #expect(ended.complaints.joined().contains(complaint), "\(ended.errors)")
        #expect(ended.output == "" && !folder.has("x"))
      }
    }
  }

  @Test(arguments: [
    ("optimizer.lr=1", "optimizer.lr is not a known key; did you mean optimizer.learning_rate?"),
    ("run.steps=ten", "run.steps: expected a whole number, found the text \"ten\""),
    ("model.dropout=1", "model.dropout: 1 is out of range"),
    ("data.train=[gone.jsonl]", "data.train: there is no file gone.jsonl in "),
    ("model.path=gone", "model.path: there is no folder gone in "),
    ("evaluation.data=gone", "evaluation.data: there is no folder gone in "),
    ("run.directory=run.yaml/run", "run.directory: run.yaml is a file; name a folder"),
    ("loss.self_distillation=true", "loss.self_distillation: the ensemble of dense, sparse and ColBERT scores teaches"),
    ("model.precision=bf16", "model.precision: expected one of float32, bfloat16"),
  ])
  func namesTheKey(setting: String, complaint: String) throws {
    let run = try ShortRun()
    for ranks in [nil, 2] {
      let ended = try Command.colbert(
        ["train", "run.yaml", "--set", setting], ranks: ranks, in: run.folder.path, within: 20)
      #expect(ended.status == 64)
      #expect(ended.complaints.count == 1)
      #expect(ended.complaints.joined().hasPrefix("error: --set: \(complaint)"), "\(ended.errors)")
      #expect(run.folder.names(in: ".") == ["run.yaml"], "nothing was begun")
    }
  }
}
