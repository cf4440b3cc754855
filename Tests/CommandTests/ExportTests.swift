import Checkpoints
import Foundation
import TestSupport
import Testing

/// `colbert export` of model folders: what is read back is what was exported, or the export is refused.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct ExportTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    let long = String(repeating: "library, ", count: 90)
    let texts = [long, "library for table layouts", "", "  Who's \"there\"? (2 of [them])  ", "a, b; c: d. "]
    let lines = try texts.map { String(decoding: try JSONEncoder().encode(["text": $0]), as: UTF8.self) + "\n" }
    try folder.write(lines.joined(), to: "texts.jsonl")
  }

  private func export(
    _ source: [String], _ format: String, to output: String, _ more: [String] = [], ranks: Int? = nil
  ) throws -> Command.Ended {
    try Command.colbert(
      ["export"] + source + ["--format", format, "--output", output] + more, ranks: ranks, in: folder.path)
  }

  /// The vectors' file of both roles.
  private func vectors(_ model: String) throws -> [Data] {
    try ["query", "document"].map { role in
      let ended = try Command.colbert(
        ["encode", "--model", model, "--role", role, "--input", "texts.jsonl", "--output", "vectors"], in: folder.path)
      try #require(ended.status == 0, "\(ended.errors)")
      return try folder.bytes(of: "vectors")
    }
  }

  static let exact: [(model: String, formats: [String])] = [
    ("tiny-bge-m3", ["flagembedding", "sentence-transformers"]),
    ("tiny-pylate", ["sentence-transformers", "pylate", "stanford"]),
  ]

  /// Every format that expresses a model gives back its vectors, bit for bit, also when it is exported from again.
  @Test(arguments: exact.flatMap { model, formats in formats.map { (model, $0) } })
  func givesTheSameVectors(model: String, format: String) throws {
    let expected = try vectors(fixture(model))
    let first = try export(["--model", fixture(model)], format, to: "first")
    #expect(first.status == 0, "\(first.errors)")
    #expect(try vectors("first") == expected)
    for next in Self.exact.first(where: { $0.model == model })!.formats {
      let again = try export(["--model", "first"], next, to: next)
      #expect(again.status == 0, "\(again.errors)")
      #expect(try vectors(next) == expected, "\(format) → \(next)")
    }
    #expect(try folder.text(of: "first/README.md").contains("Exported to the layout \(format) from"))
    #expect(folder.names(in: ".").allSatisfy { !$0.contains("partial") })
  }

  /// What a format cannot say is named, one by one; nothing is written unless it is asked for.
  @Test(
    arguments: [
      (
        "tiny-bge-m3", "pylate",
        [
          "scores are sums over the query's vectors there, means here", "the first token, <s>, of queries counts there",
        ],
        "--format flagembedding or sentence-transformers"
      ),
      (
        "tiny-bge-m3", "stanford",
        [
          "the projection's bias", "scores are sums over the query's vectors there, means here",
          "the first token, <s>, of queries and documents counts there", "queries have no marker here",
          "documents have no marker here", "queries are filled with the mask token there, not here",
        ], "--format flagembedding or sentence-transformers"
      ),
      (
        "tiny-pylate", "flagembedding",
        [
          "scores are means over the query's vectors there, sums here", "the first token, [CLS], does not count there",
          "the vectors of the 32 skipped tokens of documents count there", "the marker [Q]  of queries",
          "the marker [D]  of documents", "the expansion of queries with [MASK]", "the sparse head",
        ], "--format sentence-transformers or pylate or stanford"
      ),
    ] as [(String, String, [String], String)])
  func refusesWhatAFormatCannotSay(model: String, format: String, losses: [String], advice: String) throws {
    let refused = try export(["--model", fixture(model)], format, to: "out")
    #expect(refused.status == 64)
    #expect(refused.complaints.count == 1)
    let said = refused.complaints.joined()
    #expect(said.contains("--format \(format) cannot express") && said.contains(advice), "\(said)")
    for loss in losses { #expect(said.contains(loss), "\(said)") }
    #expect(said.split(separator: "; ").count == losses.count, "all of them, and no others: \(said)")
    #expect(folder.names(in: ".") == ["texts.jsonl"])

    let inexact = try export(["--model", fixture(model)], format, to: "out", ["--allow-inexact"])
    #expect(inexact.status == 0, "\(inexact.errors)")
    for loss in losses { #expect(inexact.errors.contains("warning: not expressed by \(format): "), "\(loss)") }
    for loss in losses { #expect(try folder.text(of: "out/README.md").contains(loss)) }
    // It is read, as what it says.
    #expect(try vectors("out") != vectors(fixture(model)))
  }

  /// Settings that one format has and others have not.
  @Test func refusesWhatSettingsAsk() throws {
    try folder.copy(fixture("tiny-pylate"), to: "model")
    func refusal(_ settings: [String: Any], _ format: String) throws -> String {
      let name = "model/config_sentence_transformers.json"
      var all = try #require(JSONSerialization.jsonObject(with: folder.bytes(of: name)) as? [String: Any])
      all.merge(settings) { $1 }
      try folder.write(JSONSerialization.data(withJSONObject: all), to: name)
      let ended = try export(["--model", "model"], format, to: "out")
      #expect(ended.status == 64)
      return ended.complaints.joined()
    }
    #expect(try refusal(["skiplist_words": [".", ","]], "stanford").contains("other than punctuation (2 tokens)"))
    #expect(try refusal(["query_prefix": ""], "stanford").contains("queries have no marker here"))
    #expect(try refusal(["do_query_expansion": false], "stanford").contains("queries are filled with the mask token"))
    let before = try vectors("model")
    #expect(try export(["--model", "model"], "sentence-transformers", to: "st6").status == 0)
    #expect(try vectors("st6") == before)
    #expect(try export(["--model", "st6"], "pylate", to: "pylate").status == 0)
    #expect(try vectors("pylate") == before)
  }

  /// Text prompts and words skipped in queries, which only Sentence Transformers knows.
  @Test func promptsAreSentenceTransformersOwn() throws {
    try #require(try export(["--model", fixture("tiny-pylate")], "sentence-transformers", to: "model").status == 0)
    let plain = try vectors("model")
    func change(_ name: String, _ key: String, to value: Any) throws {
      var all = try #require(JSONSerialization.jsonObject(with: folder.bytes(of: name)) as? [String: Any])
      all[key] = value
      try folder.write(JSONSerialization.data(withJSONObject: all), to: name)
    }
    try change(
      "model/config_sentence_transformers.json", "prompts", to: ["query": "library of: ", "document": "[D] "])
    try change("model/2_MultiVectorMask/config.json", "skiplist_tasks", to: ["query", "document"])
    let prompted = try vectors("model")
    #expect(prompted[0] != plain[0] && prompted[1] == plain[1])
    for format in ["pylate", "stanford", "flagembedding"] {
      let said = try export(["--model", "model"], format, to: "out").complaints.joined()
      #expect(said.contains("the prompt \"library of: \" of a query"), "\(said)")
      #expect(said.contains("skipped tokens of queries count there"), "\(said)")
    }
    #expect(try export(["--model", "model"], "sentence-transformers", to: "again").status == 0)
    #expect(try vectors("again") == prompted)
  }

  /// Stanford's folder as its own code writes it; the projection is in the encoder's file.
  @Test func stanfordsFolder() throws {
    #expect(try export(["--model", fixture("tiny-pylate")], "stanford", to: "model").status == 0)
    let file = try SafetensorsFile("\(folder.path)/model/model.safetensors")
    #expect(file.names.contains("linear.weight") && !file.names.contains("linear.bias"))
    #expect(file.names.allSatisfy { $0.hasPrefix("bert.") || $0 == "linear.weight" })
    #expect(!file.names.contains { $0.hasSuffix("gamma") })
    let head = try SafetensorsFile(fixture("tiny-pylate/1_Dense/model.safetensors"))
    #expect(try file.floats("linear.weight") == head.floats("linear.weight"))
    let metadata = try #require(
      JSONSerialization.jsonObject(with: folder.bytes(of: "model/artifact.metadata")) as? [String: Any])
    #expect(metadata["query_token_id"] as? String == "[Q] " && metadata["doc_token_id"] as? String == "[D] ")
    #expect(metadata["query_maxlen"] as? Int == 16 && metadata["doc_maxlen"] as? Int == 48)
    #expect(metadata["dim"] as? Int == 32 && metadata["similarity"] as? String == "cosine")
    #expect(metadata["mask_punctuation"] as? Bool == true && metadata["attend_to_mask_tokens"] as? Bool == false)
    #expect(try folder.text(of: "model/config.json").contains("\"HF_ColBERT\""))
    #expect(!folder.has("model/modules.json") && !folder.has("model/1_Dense"))
    // PyLate pads with the mask, whose vectors Stanford's code would drop from queries.
    let tokens = try #require(
      JSONSerialization.jsonObject(with: folder.bytes(of: "model/tokenizer_config.json")) as? [String: Any])
    #expect(tokens["pad_token"] as? String == "[PAD]" && tokens["mask_token"] as? String == "[MASK]")
    // Brought back, nothing of it stays.
    #expect(try export(["--model", "model"], "pylate", to: "pylate").status == 0)
    #expect(try folder.text(of: "pylate/config.json").contains("\"BertModel\""))
    #expect(try SafetensorsFile("\(folder.path)/pylate/model.safetensors").info("linear.weight") == nil)
  }

  /// BGE-M3's folder: what Sentence Transformers wants for the dense vectors is written where the source has none.
  @Test func bgeM3sFolder() throws {
    #expect(try export(["--model", fixture("tiny-bge-m3")], "flagembedding", to: "out").status == 0)
    #expect(
      folder.names(in: "out") == [
        "1_Pooling", "2_Normalize", "README.md", "colbert_linear.pt", "config.json",
        "config_sentence_transformers.json", "model.safetensors", "modules.json", "sentence_bert_config.json",
        "sentencepiece.bpe.model", "sparse_linear.pt", "tokenizer_config.json",
      ])
    #expect(try folder.text(of: "out/1_Pooling/config.json").contains("\"pooling_mode_cls_token\": true"))
    #expect(try folder.text(of: "out/sentence_bert_config.json").contains("\"max_seq_length\": 512"))
    try folder.copy(fixture("tiny-bge-m3/sparse_linear.pt"), to: "sparse")
    #expect(try folder.isSame("out/sparse_linear.pt", as: "sparse"))
    // A model without a sparse head gets one of zeros, and is told.
    #expect(try export(["--model", "out"], "sentence-transformers", to: "st6").status == 0)
    let back = try export(["--model", "st6"], "flagembedding", to: "back")
    #expect(back.status == 0 && back.errors.contains("sparse_linear.pt is all zeros"))
    for part in ["weight", "bias"] {
      #expect(try openTensorFile("\(folder.path)/back/sparse_linear.pt").floats(part).allSatisfy { $0 == 0 })
      #expect(
        try openTensorFile("\(folder.path)/back/colbert_linear.pt").floats(part)
          == openTensorFile(fixture("tiny-bge-m3/colbert_linear.pt")).floats(part))
    }
  }

  /// Half-precision sources are written in single precision, and say so: a reader would round them again.
  @Test func theTypeThatIsWrittenIsSaid() throws {
    try folder.copy(fixture("tiny-pylate"), to: "model")
    let config = try folder.text(of: "model/config.json")
    try folder.write(config.replacing("\"float32\"", with: "\"float16\""), to: "model/config.json")
    #expect(try export(["--model", "model"], "pylate", to: "out").status == 0)
    #expect(try folder.text(of: "out/config.json") == config)
  }

  @Test(arguments: [nil, 2]) func isTheSameUnderMPI(ranks: Int?) throws {
    let model = ["--model", fixture("tiny-bge-m3")]
    #expect(try export(model, "flagembedding", to: "alone").status == 0)
    let ended = try export(model, "flagembedding", to: "out/", ranks: ranks)
    #expect(ended.status == 0, "\(ended.errors)")
    #expect(folder.names(in: "out") == folder.names(in: "alone"))
    for name in folder.names(in: "out") where folder.names(in: "out/\(name)").isEmpty {
      #expect(try folder.isSame("out/\(name)", as: "alone/\(name)"), "\(name)")
    }
    let refused = try export(model, "pylate", to: "other", ranks: ranks)
    #expect(refused.status == 64 && refused.complaints.count == 1)
  }

  /// Faults of the command line: the argument is named, and nothing is written.
  @Test(
    arguments: [
      (["--model", "M"], "--output: used is not empty, and nothing is overwritten"),
      (["--model", "nowhere"], "--model: there is no folder nowhere"),
      (["--checkpoint", "used"], "--checkpoint: used holds no checkpoint; name a step-N folder"),
      (["--checkpoint", "nowhere"], "--checkpoint: there is no folder nowhere"),
      (["--checkpoint", "used", "--model", "M"], "either --checkpoint DIR or --model DIR"),
      ([], "either --checkpoint DIR or --model DIR"),
      (["--model", "M", "--merge", "1.5"], "--merge is 1.5; it is a share of the trained model, from 0 to 1"),
      (["--model", "M", "--merge", "nan"], "it is a share of the trained model, from 0 to 1"),
      (["--model", "M", "--merge", "0.5"], "--model needs --merge W and --merge-with DIR together"),
      (["--checkpoint", "used", "--merge-with", "M"], "--merge-with goes with --model"),
    ] as [([String], String)])
  func badArguments(arguments: [String], complaint: String) throws {
    try folder.write("x", to: "used/x")
    let source = arguments.map { $0 == "M" ? fixture("tiny-pylate") : $0 }
    let ended = try export(source, "pylate", to: "used")
    #expect(ended.status == 64)
    #expect(ended.errors.contains(complaint), "\(ended.errors)")
    #expect(folder.names(in: ".") == ["texts.jsonl", "used"] && folder.names(in: "used") == ["x"])
  }

  @Test func anEmptyFolderIsFilled() throws {
    try folder.write("", to: "out/x")
    try folder.remove("out/x")
    #expect(try export(["--model", fixture("tiny-pylate")], "pylate", to: "out").status == 0)
    #expect(folder.has("out/model.safetensors"))
    let unknown = try export(["--model", fixture("tiny-pylate")], "onnx", to: "other")
    #expect(unknown.status == 64 && unknown.errors.contains("flagembedding"))
  }

  /// A head that is missing is an error: none is made up.
  @Test func aMissingHead() throws {
    let none = try export(["--model", fixture("tiny-bert")], "pylate", to: "out")
    #expect(none.status == 64 && none.complaints.joined().contains("tiny-bert has no ColBERT head"))
    try folder.copy(fixture("tiny-bge-m3"), to: "model")
    try folder.remove("model/sparse_linear.pt")
    let half = try export(["--model", "model"], "flagembedding", to: "out")
    #expect(half.status == 65 && half.complaints.joined().contains("there is no sparse_linear.pt beside it"))
    #expect(try export(["--model", fixture("tiny-pylate")], "stanford", to: "stanford").status == 0)
    try folder.copy(fixture("tiny-pylate/model.safetensors"), to: "plain")
    try folder.write(folder.bytes(of: "plain"), to: "stanford/model.safetensors")
    let gone = try export(["--model", "stanford"], "pylate", to: "out")
    #expect(gone.status == 65 && gone.complaints.joined().contains("tensor linear.weight: is missing"))
    #expect(!folder.has("out"))
  }

  /// A disk that fills leaves nothing that looks like a model.
  @Test(.enabled(if: SmallDisk.isAvailable, "needs root"))
  func aFullDisk() throws {
    let disk = try #require(SmallDisk(at: "\(folder.path)/disk", kilobytes: 512))
    let ended = try export(["--model", fixture("tiny-bge-m3")], "flagembedding", to: "disk/out")
    #expect(ended.status == 70)
    #expect(ended.complaints.joined().contains("No space left on device"), "\(ended.errors)")
    #expect(folder.names(in: "disk").isEmpty)
    withExtendedLifetime(disk) {}
  }
}
