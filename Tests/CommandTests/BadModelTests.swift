import Foundation
import TestSupport
import Testing

/// Model folders that are damaged or not complete: one message that names the file, and the contract's status.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct BadModelTests {
  struct Defect: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var status: Int32 = 65
    /// Some of the message; the model's folder is `model`.
    let complaint: String
    /// Spoils a copy of tiny-pylate in `model`.
    let spoil: @Sendable (TemporaryFolder) throws -> Void
  }

  static let defects = [
    Defect(
      testDescription: "weights cut off",
      complaint: "model/model.safetensors: tensor embeddings.word_embeddings.weight: ends at byte 509760"
    ) { try $0.cut("model/model.safetensors", to: 300_000) },
    Defect(
      testDescription: "head cut off", complaint: "model/1_Dense/model.safetensors: tensor linear.weight: ends at byte"
    ) { try $0.cut("model/1_Dense/model.safetensors", to: 3000) },
    Defect(testDescription: "weights empty", complaint: "model/model.safetensors: is neither a safetensors file") {
      try $0.cut("model/model.safetensors", to: 0)
    },
    Defect(testDescription: "weights of garbage", complaint: "model/model.safetensors: is neither a safetensors file") {
      try $0.write(Data((0..<5000).map { UInt8(truncatingIfNeeded: $0 * $0 + 255) }), to: "model/model.safetensors")
    },
    Defect(
      testDescription: "no weights",
      complaint: "model: has neither model.safetensors nor pytorch_model.bin; save the model in one file"
    ) { try $0.remove("model/model.safetensors") },
    Defect(
      testDescription: "wrong shape",
      complaint: "model/model.safetensors: tensor encoder.layer.0.intermediate.dense.weight: has shape [96, 48]"
    ) { try $0.replace("\"intermediate_size\": 96", by: "\"intermediate_size\": 100", in: "model/config.json") },
    Defect(
      testDescription: "missing tensor",
      complaint: "model/model.safetensors: tensor encoder.layer.2.attention.self.query.weight: is missing"
    ) { try $0.replace("\"num_hidden_layers\": 2", by: "\"num_hidden_layers\": 3", in: "model/config.json") },
    Defect(testDescription: "missing key", complaint: "model/config.json: hidden_size is missing") {
      try $0.replace("\"hidden_size\": 48,", by: "", in: "model/config.json")
    },
    Defect(testDescription: "config.json is no JSON", complaint: "model/config.json: is no JSON") {
      try $0.write("{", to: "model/config.json")
    },
    Defect(
      testDescription: "another architecture",
      complaint: "model/config.json: model_type is \"gpt2\", expected \"bert\" or \"xlm-roberta\""
    ) { try $0.replace("\"model_type\": \"bert\"", by: "\"model_type\": \"gpt2\"", in: "model/config.json") },
    Defect(testDescription: "no tokenizer", complaint: "model: no tokenizer here: expected") {
      try $0.remove("model/tokenizer.json")
      try $0.remove("model/vocab.txt")
    },
    Defect(testDescription: "tokenizer cut off", complaint: "model/tokenizer.json:") {
      try $0.cut("model/tokenizer.json", to: 20_000)
    },
    Defect(
      testDescription: "head of another width",
      complaint: "model/1_Dense/config.json: in_features is 64, the encoder's width is 48"
    ) { try $0.replace("\"in_features\": 48", by: "\"in_features\": 64", in: "model/1_Dense/config.json") },
    Defect(testDescription: "no head", complaint: "model/1_Dense/config.json: cannot be read") {
      try $0.remove("model/1_Dense")
    },
    Defect(
      testDescription: "BGE-M3 without its ColBERT head",
      complaint:
        "model/sparse_linear.pt: there is no colbert_linear.pt beside it, and a folder in BGE-M3's layout needs"
    ) { folder in
      try folder.becomeBGEM3()
      try folder.remove("model/colbert_linear.pt")
    },
    Defect(
      testDescription: "BGE-M3 without its heads", status: 64,
      complaint: "model has no ColBERT head (colbert_linear.pt): train one, and say how wide it shall be"
    ) { folder in
      try folder.becomeBGEM3()
      for head in ["colbert_linear.pt", "sparse_linear.pt"] { try folder.remove("model/\(head)") }
    },
    Defect(
      testDescription: "BGE-M3 whose heads are one file",
      complaint: "model/sparse_linear.pt: tensor weight: has shape [64, 64], expected [1, 64]"
    ) { folder in
      try folder.becomeBGEM3()
      try folder.write(folder.bytes(of: "model/colbert_linear.pt"), to: "model/sparse_linear.pt")
    },
    Defect(testDescription: "ColBERT head cut off", complaint: "model/colbert_linear.pt: ") { folder in
      try folder.becomeBGEM3()
      try folder.cut("model/colbert_linear.pt", to: 9_000)
    },
    Defect(testDescription: ".bin cut off", complaint: "model/pytorch_model.bin: ") { folder in
      try folder.becomeBGEM3()
      try folder.cut("model/pytorch_model.bin", to: 600_000)
    },
    Defect(
      testDescription: ".bin compressed",
      complaint: "model/pytorch_model.bin: its module/version is compressed (method 8); torch.save stores entries as"
    ) { try $0.becomeBGEM3(weights: "bad-compressed") },
    Defect(
      testDescription: ".bin that runs a program",
      complaint: "model/pytorch_model.bin: its data.pkl asks for posix.system"
    ) { try $0.becomeBGEM3(weights: "bad-malicious") },
    Defect(
      testDescription: ".bin of another model",
      complaint: "model/pytorch_model.bin: tensor embeddings.word_embeddings.weight: is missing"
    ) { try $0.becomeBGEM3(weights: "module") },
    Defect(
      testDescription: ".bin of another shape",
      complaint: "model/pytorch_model.bin: tensor encoder.layer.0.intermediate.dense.weight: has shape [128, 64]"
    ) { folder in
      try folder.becomeBGEM3()
      try folder.replace("\"intermediate_size\": 128", by: "\"intermediate_size\": 96", in: "model/config.json")
    },
    Defect(
      testDescription: "positions that <pad> leaves none of",
      complaint: "model/config.json: max_position_embeddings is 2, which leaves no position after pad_token_id 1"
    ) { folder in
      try folder.becomeBGEM3()
      try folder.replace(
        "\"max_position_embeddings\": 514", by: "\"max_position_embeddings\": 2", in: "model/config.json")
    },
    Defect(testDescription: "no config.json", status: 64, complaint: "model has no config.json") {
      try $0.remove("model/config.json")
    },
    Defect(
      testDescription: "no head and no dimension", status: 64,
      complaint: "model has no ColBERT head: train one, and say how wide it shall be, for example model.dimension: 128"
    ) { folder in
      try folder.remove("model")
      try folder.copy(fixture("tiny-bert"), to: "model")
    },
  ]

  #if SENTENCEPIECE
    static let sentencePieceDefects = [
      Defect(
        testDescription: "no SentencePiece model",
        complaint: "model/sentencepiece.bpe.model: not a SentencePiece model"
      ) { folder in
        try folder.becomeBGEM3()
        try folder.write("{\"model\": {}}", to: "model/sentencepiece.bpe.model")
      },
      Defect(testDescription: "SentencePiece model cut off", complaint: "model/sentencepiece.bpe.model: ") { folder in
        try folder.becomeBGEM3()
        try folder.cut("model/sentencepiece.bpe.model", to: 20_000)
      },
    ]
  #else
    static let sentencePieceDefects: [Defect] = []
  #endif

  @Test(arguments: defects + sentencePieceDefects) func namesTheFile(defect: Defect) throws {
    let run = try ShortRun()
    try run.folder.copy(fixture("tiny-pylate"), to: "model")
    try run.folder.write("{\"text\": \"x\"}\n", to: "texts.jsonl")
    try defect.spoil(run.folder)
    let train = ["train", "run.yaml", "--set", "model.path=model"]
    let encode = ["encode", "--model", "model", "--role", "query", "--input", "texts.jsonl", "--output", "x"]
    for (arguments, ranks) in [(train, nil), (train, 2), (encode, nil)] {
      let ended = try Command.colbert(arguments, ranks: ranks, in: run.folder.path, within: 20)
      #expect(ended.status == defect.status)
      #expect(ended.complaints.count == 1)
      #expect(ended.complaints.joined().contains(defect.complaint), "\(ended.errors)")
      #expect(run.folder.names(in: ".") == ["model", "run.yaml", "texts.jsonl"], "nothing was begun, no program ran")
    }
  }

  /// One row of the word table is not a number: the texts with that word have no vectors, and no place in a ranking.
  @Test(arguments: [nil, 2]) func namesTheTextWithoutVectors(ranks: Int?) throws {
    let (texts, folder) = (try ReferenceTexts(), try TemporaryFolder())
    try texts.writeCollection(to: "beir", in: folder)
    for (role, file) in [("query", "queries.jsonl"), ("document", "corpus.jsonl")] {
      let ids = texts.ids(role)
      let all = texts.ids("query") + texts.ids("document")
      // The last text with a word of its own.
      let (text, id) = try #require(
        ids.indices.reversed().lazy.compactMap { text in
          ids[text].first { id in all.count { $0.contains(id) } == 1 }.map { (text, $0) }
        }.first)
      let model = "model-\(role)"
      try folder.copy(fixture("tiny-pylate"), to: model)
      try folder.fillRow(id, of: "embeddings.word_embeddings.weight", with: .nan, in: "\(model)/model.safetensors")
      for arguments in [
        ["evaluate", "--data", "beir"], ["encode", "--role", role, "--input", "beir/\(file)", "--output", "x"],
      ] {
        let ended = try Command.colbert(arguments + ["--model", model], ranks: ranks, in: folder.path, within: 20)
        #expect(ended.status == 65)
        #expect(ended.complaints.count == 1)
        #expect(
          ended.complaints.joined().contains("\(model): the vectors of beir/\(file):\(text + 1) are not finite"),
          "\(ended.errors)")
        #expect(ended.output == "" && !folder.has("x"))
      }
    }
  }

  @Test func theUnifiedObjectiveNeedsASparseHead() throws {
    let run = try ShortRun()
    for ranks in [nil, 2] {
      let ended = try run.train(["--set", "loss.objective=unified"], ranks: ranks)
      #expect(ended.status == 64)
      #expect(ended.complaints.count == 1)
      #expect(
        ended.complaints.joined().contains("tiny-pylate has no sparse head (sparse_linear.pt)"), "\(ended.errors)")
      #expect(run.folder.names(in: ".") == ["run.yaml"], "nothing was begun")
    }
  }
}

extension TemporaryFolder {
  /// Makes `model` a copy of tiny-bge-m3 with its weights in `pytorch_model.bin`, or with a file of `Fixtures/pytorch` there.
  fileprivate func becomeBGEM3(weights: String? = nil) throws {
    try remove("model")
    try copy(fixture("tiny-bge-m3"), to: "model")
    try remove("model/model.safetensors")
    guard let weights else { return }
    try remove("model/pytorch_model.bin")
    try copy(fixture("pytorch/\(weights).pt"), to: "model/pytorch_model.bin")
  }

  fileprivate func cut(_ name: String, to count: Int) throws { try write(bytes(of: name).prefix(count), to: name) }

  fileprivate func replace(_ text: String, by other: String, in name: String) throws {
    let before = try self.text(of: name)
    let after = before.replacing(text, with: other)
    try #require(after != before)
    try write(after, to: name)
  }

  /// Overwrites row `row` of a tensor of a safetensors file.
  fileprivate func fillRow(_ row: Int, of tensor: String, with value: Float, in name: String) throws {
    struct Entry: Decodable {
      let shape: [Int]
      let data_offsets: [Int]
    }
    var bytes = try bytes(of: name)
    let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let entries = try JSONSerialization.jsonObject(with: bytes[8..<8 + length]) as? [String: Any]
    let entry = try JSONDecoder().decode(
      Entry.self, from: JSONSerialization.data(withJSONObject: try #require(entries?[tensor])))
    let width = entry.shape[1]
    let start = 8 + length + entry.data_offsets[0] + 4 * width * row
    let number = withUnsafeBytes(of: value.bitPattern.littleEndian) { Array($0) }
    bytes.replaceSubrange(start..<start + 4 * width, with: (0..<width).flatMap { _ in number })
    try write(bytes, to: name)
  }
}
