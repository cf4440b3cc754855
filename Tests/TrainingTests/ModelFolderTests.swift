import Communication
import Checkpoints
import Foundation
import LateInteraction
import TestSupport
import Tensors
import Testing
import Tokenizers

@testable import Training

/// What a model folder is taken for, and what it lacks.
@Suite struct ModelFolderTests {
  /// A copy of a fixture's folder, gone when `body` returns.
  private func withCopy<Result>(of name: String = "tiny-bge-m3", _ body: (String) throws -> Result) throws -> Result {
    try withFolder { folder in
      try FileManager.default.copyItem(atPath: fixture(name), toPath: "\(folder)/model")
      return try body("\(folder)/model")
    }
  }

  private func load(
    _ path: String, style: ModelStyle? = nil, dimension: Int? = nil, trained: LateInteraction.TrainedPart = .head
  ) throws -> LoadedModel {
    let settings = ModelSettings(path: path, style: style, dimension: dimension, trained: trained)
    return try LoadedModel(settings, trains: true, on: ThreadPool(threadCount: 1))
  }

  private func remove(_ names: [String], from folder: String) throws {
    for name in names { try FileManager.default.removeItem(atPath: "\(folder)/\(name)") }
  }

  /// What `body` complains of, the folder's path left out.
  private func complaint(_ folder: String, _ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)".replacing(folder, with: "model") }
    return "no complaint"
  }

  private static let bothHeads = ["colbert_linear.pt", "sparse_linear.pt"]

  @Test func bgeM3() throws {
    let loaded = try load(fixture("tiny-bge-m3"))
    #expect(loaded.folder.style == .bgeM3 && loaded.folder.style.temperature == 0.02)
    #expect(loaded.model.reduction == .mean)
    #expect(loaded.input.conventions == InputConventions(dropsFirstToken: true))
    #expect(loaded.input.conventions.queryMaxLength == 32 && loaded.input.conventions.documentMaxLength == 180)
    #expect(
      loaded.model.head.shape == HeadShape(name: "colbert_linear", width: 64, dimension: 64, hasBias: true))
    #expect(!loaded.hasNewHead && loaded.notices == [])
    // Positions start after <pad>, so two of the 514 are never read.
    #expect(loaded.folder.encoder.longestText == 512)
    let trained = loaded.model.parameters.layout.trained
    #expect(
      trained.map(\.name) == [
        "colbert_linear.weight", "colbert_linear.bias", "sparse_linear.weight", "sparse_linear.bias",
      ])
    #expect(trained.map(\.isReached) == [true, true, false, false])
  }

  /// A plain encoder has the style of its family, or the one that is asked for; its new head is of that style.
  @Test(
    arguments: [
      ("tiny-bge-m3", nil, ModelStyle.bgeM3), ("tiny-bge-m3", .bgeM3, .bgeM3), ("tiny-bert", nil, .colbert),
      ("tiny-bert", .bgeM3, .bgeM3), ("tiny-bert", .colbert, .colbert),
    ] as [(String, ModelStyle?, ModelStyle)])
  func plainEncoders(name: String, asked: ModelStyle?, style: ModelStyle) throws {
    try withCopy(of: name) { folder in
      if name == "tiny-bge-m3" { try remove(Self.bothHeads, from: folder) }
      let loaded = try load(folder, style: asked, dimension: 16)
      let isBGEM3 = style == .bgeM3
      #expect(loaded.folder.style == style)
      #expect(loaded.model.reduction == (isBGEM3 ? .mean : .sum))
      #expect(loaded.input.conventions.dropsFirstToken == isBGEM3)
      #expect(loaded.input.conventions.expandsQueries == !isBGEM3)
      #expect(loaded.hasNewHead)
      #expect(loaded.model.head.shape.name == (isBGEM3 ? "colbert_linear" : "linear"))
      let parameters = loaded.model.parameters
      let width = loaded.folder.encoder.width
      #expect(
        parameters.layout.trained.map(\.shape) == (isBGEM3 ? [[16, width], [16]] : [[16, width]]))
      let bound = 1 / Float(width).squareRoot()
      #expect(parameters.allValues.values.allSatisfy { $0 != 0 && abs($0) <= bound })
      let none = complaint(folder) { _ = try load(folder, style: asked) }
      #expect(none.contains("model has no ColBERT head") && none.contains("model.dimension: 128"), "\(none)")
    }
  }

  /// Markers that no pretraining saw start as the mean of all words; in a frozen word table they stay as they are.
  @Test func newMarkersStartAtTheMeanWord() throws {
    let frozen = try load(fixture("tiny-bert"), dimension: 16)
    let trained = try load(fixture("tiny-bert"), dimension: 16, trained: .all)
    let file = frozen.model.parameters.value(EncoderConfiguration.wordTable)
    let table = trained.model.parameters.value(EncoderConfiguration.wordTable)
    let markers = frozen.input.conventions.markers.map { Int($0) }
    #expect(markers == [1, 2])
    for column in 0..<file.columns {
      let mean = (0..<file.rows).reduce(0.0) { $0 + Double(file[$1, column]) } / Double(file.rows)
      for row in 0..<file.rows {
        #expect(table[row, column] == (markers.contains(row) ? Float(mean) : file[row, column]))
      }
    }
    #expect(file.rows(1..<2).values != table.rows(1..<2).values)
    withExtendedLifetime((frozen, trained)) {}
  }

  /// The markers of style colbert are no tokens of XLM-R's.
  @Test func plainXLMRIsNoColBERT() throws {
    try withCopy { folder in
      try remove(Self.bothHeads, from: folder)
      let said = complaint(folder) { _ = try load(folder, style: .colbert, dimension: 16) }
      #expect(said.contains("[unused0]"), "\(said)")
    }
  }

  /// What the configuration says against the folder: both are named, and what to do.
  @Test(arguments: [
    ("tiny-bge-m3", ModelStyle.colbert, "colbert_linear.pt makes"),
    ("tiny-pylate", .bgeM3, "config_sentence_transformers.json makes"),
  ])
  func theFoldersOwnStyleWins(name: String, asked: ModelStyle, statement: String) throws {
    let said = complaint(fixture(name)) { _ = try load(fixture(name), style: asked) }
    #expect(said.contains("model.style is \(asked.rawValue), but model/\(statement)"), "\(said)")
    #expect(throws: UsageError.self) { try load(fixture(name), style: asked) }
    #expect(throws: Never.self) { try load(fixture(name), style: asked == .bgeM3 ? .colbert : .bgeM3) }
  }

  @Test func aFolderThatSaysBothIsRefused() throws {
    try withCopy { folder in
      try Data(#"{"query_prefix": "[Q] "}"#.utf8)
        .write(to: URL(fileURLWithPath: "\(folder)/config_sentence_transformers.json"))
      let said = complaint(folder) { _ = try load(folder) }
      #expect(
        said.hasPrefix(
          "model/config_sentence_transformers.json: makes this a model of style colbert, but model/colbert_"),
        "\(said)")
    }
  }

  /// One head without the other is an error, also where a dimension would allow a new one.
  @Test(arguments: bothHeads, [nil, 64]) func oneHeadIsMissing(name: String, dimension: Int?) throws {
    try withCopy { folder in
      try remove([name], from: folder)
      let said = complaint(folder) { _ = try load(folder, dimension: dimension) }
      let there = Self.bothHeads.first { $0 != name }!
      #expect(said.hasPrefix("model/\(there): there is no \(name) beside it"), "\(said)")
    }
  }

  /// Heads in safetensors files, in half precision too, are read as the floats that they are.
  @Test(arguments: ["F32", "F16"]) func headsOfOtherFiles(type: String) throws {
    try withCopy { folder in
      try remove(Self.bothHeads, from: folder)
      var numbers = TestNumbers(seed: 4)
      let (weight, bias) = (numbers.floats(16 * 64), numbers.floats(16))
      try writeTensors(
        "\(folder)/colbert_linear.safetensors", [("weight", [16, 64], weight), ("bias", [16], bias)], type: type)
      try writeTensors(
        "\(folder)/sparse_linear.safetensors", [("weight", [1, 64], Array(weight[..<64])), ("bias", [1], [0.5])],
        type: type)
      let parameters = try load(folder).model.parameters
      func rounded(_ values: [Float]) -> [Float] { type == "F16" ? values.map { Float(Float16($0)) } : values }
      #expect(parameters.value("colbert_linear.weight").values == rounded(weight))
      #expect(parameters.value("colbert_linear.bias").values == rounded(bias))
      #expect(parameters.value("sparse_linear.bias").values == [0.5])
      let said = complaint(folder) { _ = try load(folder, dimension: 32) }
      #expect(said.hasPrefix("model.dimension is 32, but model/colbert_linear.safetensors projects to 16"), "\(said)")
    }
  }

  /// Missing and misshapen tensors: the tensor, what was expected and what was found.
  @Test(
    arguments: [
      ("colbert_linear", [("weight", [16, 32])], "tensor weight: has shape [16, 32], expected [dimension, 64]"),
      ("colbert_linear", [("weight", [64])], "tensor weight: has shape [64], expected [dimension, 64]"),
      ("colbert_linear", [("weight", [16, 64])], "tensor bias: is missing"),
      ("colbert_linear", [("weight", [16, 64]), ("bias", [64])], "tensor bias: has shape [64], expected [16]"),
      ("colbert_linear", [("linear.weight", [16, 64])], "tensor weight: is missing; the file has linear.weight"),
      ("sparse_linear", [("weight", [2, 64]), ("bias", [2])], "tensor weight: has shape [2, 64], expected [1, 64]"),
      ("sparse_linear", [("weight", [1, 64])], "tensor bias: is missing"),
    ] as [(String, [(String, [Int])], String)])
  func headsOfWrongShape(name: String, tensors: [(String, [Int])], expected: String) throws {
    try withCopy { folder in
      try remove(["\(name).pt"], from: folder)
      try writeTensors(
        "\(folder)/\(name).safetensors",
        tensors.map { ($0.0, $0.1, [Float](repeating: 1, count: $0.1.reduce(1, *))) }, type: "F32")
      let said = complaint(folder) { _ = try load(folder) }
      #expect(said.hasPrefix("model/\(name).safetensors: \(expected)"), "\(said)")
    }
  }

  /// BGE-M3's Sentence Transformers files describe its dense vectors; they do not hide the ColBERT head.
  @Test func poolingDoesNotHideTheHead() throws {
    let modules = """
      [{"path": "", "type": "sentence_transformers.models.Transformer"},
       {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
       {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]
      """
    try withCopy { folder in
      try Data(modules.utf8).write(to: URL(fileURLWithPath: "\(folder)/modules.json"))
      let loaded = try load(folder)
      #expect(loaded.notices == [] && !loaded.hasNewHead)
      try remove(Self.bothHeads, from: folder)
      let plain = try load(folder, dimension: 16)
      #expect(plain.notices.count == 1 && plain.notices[0].contains("a single-vector model"), "\(plain.notices)")
    }
  }

  @Test func lengthsOfAFolderInBGEM3sLayout() throws {
    try withCopy { folder in
      let settings = #"{"__version__": {}, "query_length": 48, "document_length": 600}"#
      try Data(settings.utf8).write(to: URL(fileURLWithPath: "\(folder)/config_sentence_transformers.json"))
      let loaded = try load(folder)
      #expect(loaded.input.conventions.queryMaxLength == 48)
      #expect(loaded.input.conventions.documentMaxLength == 512)
      #expect(loaded.notices.count == 1 && loaded.notices[0].contains("600"))
    }
  }

  /// The ranks compare what was read.
  @Test func namesTheFilesThatItReads() throws {
    let folder = fixture("tiny-bge-m3")
    let files = try ModelFolder(folder).files
    for name in [
      "config.json", "model.safetensors", "colbert_linear.pt", "sparse_linear.pt", "sentencepiece.bpe.model",
    ] {
      #expect(files.contains("\(folder)/\(name)"))
    }
  }

  /// Gradients and moments exist for what is trained, and of the word table's gradient only rows that were opened.
  @Test(arguments: [
    (LateInteraction.TrainedPart.head, 64 * 65 + 65), (.top(2), 2 * 33_472 + 64 * 65 + 65),
    (.all, 3002 * 64 + 514 * 64 + 64 + 128 + 3 * 33_472 + 64 * 65 + 65),
  ])
  func whatIsNotTrainedTakesNoRoom(part: LateInteraction.TrainedPart, count: Int) throws {
    let loaded = try load(fixture("tiny-bge-m3"), trained: part)
    let parameters = loaded.model.parameters
    let words = part == .all ? 3002 * 64 : 0
    #expect(parameters.layout.trainedCount == count && parameters.values.count == count)
    #expect(parameters.gradients.count == count - words)
    #expect((parameters.wordGradients == nil) == (words == 0))
    #expect(parameters.wordGradients?.values.count ?? 0 == 0)
    let settings = AdamWSettings(
      learningRate: 1, headLearningRate: nil, weightDecay: 0, decaysVectors: false, betas: (0.9, 0.999), epsilon: 1e-8,
      clipNorm: nil)
    let optimizer = AdamW(
      settings, parameters.layout, shards: ParameterShards(of: count, isSharded: false, SoloCommunicator()),
      on: loaded.model.pool)
    #expect(optimizer.firstMoments.count == count && optimizer.secondMoments.count == count)
    // A quarter more rows than are needed, never more than there are.
    let needs = StepMemory(
      model: ModelShape(loaded.model), scored: ScoredHeads(), threadCount: 2, rankCount: 1,
      exchange: ExchangeSettings(),
      shardsMoments: false)
    for (counts, rows) in [([100], 125), ([100, 120], 125), ([100, 126], 157), ([100, 3000, 10], 3002)] {
      #expect(needs.wordGradients(counts) == (words == 0 ? 0 : 4 * rows * 64))
    }
    #expect(needs.state == 4 * (4 * count - words + (words == 0 ? 0 : 3002)))
    let sharded = StepMemory(
      model: ModelShape(loaded.model), scored: ScoredHeads(), threadCount: 2, rankCount: 4,
      exchange: ExchangeSettings(),
      shardsMoments: true)
    #expect(needs.state - sharded.state == 4 * 2 * (count - (count + 3) / 4), "moments of a quarter")
  }
}

/// A safetensors file in single or half precision.
private func writeTensors(_ path: String, _ tensors: [(name: String, shape: [Int], values: [Float])], type: String)
  throws
{
  var members: [String] = []
  var data = Data()
  for (name, shape, values) in tensors {
    let start = data.count
    for value in values {
      if type == "F16" {
        withUnsafeBytes(of: Float16(value).bitPattern.littleEndian) { data.append(contentsOf: $0) }
      } else {
        withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
      }
    }
    members.append(
      #""\#(name)": {"dtype": "\#(type)", "shape": \#(shape), "data_offsets": [\#(start), \#(data.count)]}"#)
  }
  var header = "{\(members.joined(separator: ", "))}"
  while header.utf8.count % 8 != 0 { header += " " }
  let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
  try (length + Data(header.utf8) + data).write(to: URL(fileURLWithPath: path))
}
