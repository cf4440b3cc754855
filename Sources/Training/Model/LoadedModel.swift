import Checkpoints
package import LateInteraction
package import Tensors
package import Tokenizers

/// How a model folder is to be used.
package struct ModelSettings: Sendable {
  package var path: String
  /// nil: as the folder says.
  package var style: ModelStyle?
  /// For a folder without a ColBERT head.
  package var dimension: Int?
  package var trained: LateInteraction.TrainedPart
  /// Both of the encoder's dropouts; nil: the folder's.
  package var dropout: Double?
  package var queryMaxLength: Int?
  package var documentMaxLength: Int?
  /// Of a new head.
  package var seed: UInt64
  /// The heads that the objective depends on.
  package var reached: ReachedHeads
  /// Of the encoder's linear layers.
  package var precision: ProductPrecision

  package init(
    path: String, style: ModelStyle? = nil, dimension: Int? = nil, trained: LateInteraction.TrainedPart = .head,
    dropout: Double? = nil, queryMaxLength: Int? = nil, documentMaxLength: Int? = nil, seed: UInt64 = 42,
    reached: ReachedHeads = ReachedHeads(), precision: ProductPrecision = .float32
  ) {
    self.path = path
    self.style = style
    self.dimension = dimension
    self.trained = trained
    self.dropout = dropout
    self.queryMaxLength = queryMaxLength
    self.documentMaxLength = documentMaxLength
    self.seed = seed
    self.reached = reached
    self.precision = precision
  }
}

/// A model in memory, with its tokenizer.
package struct LoadedModel: Sendable {
  package let folder: ModelFolder
  package let model: ColBERTModel
  package let input: InputTokenizer
  /// The folder had no head: the projection is new, from the seed.
  package let hasNewHead: Bool
  /// For the log.
  package let notices: [String]

  /// Loads a folder: frozen tensors stay where their file is mapped, trained ones are copied to the flat buffer.
  ///
  /// - Parameter trains: whether gradients will be computed.
  package init(_ settings: ModelSettings, trains: Bool, on pool: ThreadPool) throws {
    let described = try DescribedModel(settings, trains: trains)
    let (folder, shape) = (described.folder, described.shape)
    let parameters = try Parameters(shape.layout, folder)
    input = described.input
    if folder.head == nil {
      initializeHead(parameters, shape.head, seed: settings.seed)
      if shape.layout.trainedWords != nil { initializeMarkers(parameters, input.conventions.markers) }
    }
    if trains { parameters.allocateGradients() }

    self.folder = folder
    let tokenizer = input.tokenizer
    model = ColBERTModel(
      encoder: shape.encoder, head: shape.head, reduction: folder.style.reduction,
      unweighted: [tokenizer.classification, tokenizer.separator, tokenizer.padding, tokenizer.unknown],
      parameters: parameters, on: pool)
    model.encoder.precision = shape.precision
    hasNewHead = folder.head == nil
    notices = folder.notices + described.notices
  }
}

/// A model folder and its tokenizer, as settings want them used: all but the values of the tensors.
struct DescribedModel {
  let folder: ModelFolder
  let shape: ModelShape
  let input: InputTokenizer
  /// Of the tokenizer, for the log.
  let notices: [String]

  /// - Parameter trains: whether gradients will be computed.
  init(_ settings: ModelSettings, trains: Bool) throws {
    folder = try ModelFolder(settings.path, style: settings.style)
    var encoder = folder.encoder
    if trains, let rate = settings.dropout {
      encoder.hiddenDropout = Float(rate)
      encoder.attentionDropout = Float(rate)
    }
    let head = try Self.head(folder, settings)
    if case .top(let layers) = settings.trained, layers > encoder.layerCount {
      throw UsageError(
        "model.train: {top: \(layers)} asks for more layers than the \(encoder.layerCount) of \(folder.path)")
    }
    let layout = ParameterLayout(
      encoder: encoder, head: head, hasSparseHead: folder.sparseHead != nil, reached: settings.reached,
      training: settings.trained)
    shape = ModelShape(
      encoder: encoder, head: head, layout: layout, hasSparseHead: folder.sparseHead != nil, readsStates: false,
      recomputesLayers: false, precision: settings.precision)
    (input, notices) = try loadModelTokenizer(settings, folder)
  }

  private static func head(_ folder: ModelFolder, _ settings: ModelSettings) throws -> HeadShape {
    if let shape = folder.head?.shape {
      guard settings.dimension == nil || settings.dimension == shape.dimension else {
        throw UsageError(
          "model.dimension is \(settings.dimension!), but \(folder.head!.tensors.file.path) projects to \(shape.dimension); leave it out"
        )
      }
      return shape
    }
    guard let dimension = settings.dimension else {
      let file = folder.style == .bgeM3 ? " (colbert_linear.pt)" : ""
      throw UsageError(
        """
        \(folder.path) has no ColBERT head\(file): train one, and say how wide it shall be, for example \
        model.dimension: 128
        """)
    }
    return folder.style.newHead(width: folder.encoder.width, dimension: dimension)
  }
}

/// The tokenizer of a model folder with the conventions of its inputs, and notices for the log.
package func loadModelTokenizer(_ settings: ModelSettings) throws -> (InputTokenizer, notices: [String]) {
  try loadModelTokenizer(settings, ModelFolder(settings.path, style: settings.style))
}

private func loadModelTokenizer(
  _ settings: ModelSettings, _ folder: ModelFolder
) throws -> (InputTokenizer, notices: [String]) {
  let tokenizer = try loadTokenizer(folder: folder.encoderPath)
  guard tokenizer.vocabularySize <= folder.encoder.vocabularySize else {
    throw ModelFileError(
      path: folder.encoderPath,
      problem: """
        the tokenizer has \(tokenizer.vocabularySize) tokens, the word embeddings only \
        \(folder.encoder.vocabularySize) rows
        """)
  }
  let (stated, notices) =
    if folder.layout == .sentenceTransformers {
      try InputConventions.multiVectorEncoder(
        folder: folder.path, transformer: folder.encoderPath, mask: folder.maskPath,
        longestText: folder.encoder.longestText, tokenizer: tokenizer)
    } else {
      try InputConventions.read(folder: folder.path, style: folder.style, tokenizer: tokenizer)
    }
  let (conventions, cuts) = try stated.limited(
    queryMaxLength: settings.queryMaxLength, documentMaxLength: settings.documentMaxLength,
    maxPositions: folder.encoder.longestText, folder: folder.path)
  return (InputTokenizer(tokenizer: tokenizer, conventions: conventions), notices + cuts)
}

extension LoadedModel {
  /// The layout of the model's folder; of a plain encoder with a new head, that of its style.
  var ownLayout: ModelLayout { folder.layout ?? (folder.style == .bgeM3 ? .flagEmbedding : .pyLate) }
}

extension ModelStyle {
  /// What scores are divided by where the configuration is silent.
  package var temperature: Double {
    switch self {
    case .bgeM3: 0.02
    case .colbert: 1
    }
  }

  var reduction: ScoreReduction {
    switch self {
    case .bgeM3: .mean
    case .colbert: .sum
    }
  }

  func newHead(width: Int, dimension: Int) -> HeadShape {
    switch self {
    case .bgeM3: HeadShape(name: "colbert_linear", width: width, dimension: dimension, hasBias: true)
    case .colbert: HeadShape(name: "linear", width: width, dimension: dimension, hasBias: false)
    }
  }
}

extension Parameters {
  /// Fills a layout from a folder's files; a head that the folder has not is left zero.
  fileprivate convenience init(_ layout: ParameterLayout, _ folder: ModelFolder) throws {
    let owner = FrozenTensors()
    var frozen: [String: Matrix] = [:]
    var trained: [(tensor: ParameterLayout.Tensor, file: any TensorFile, name: String)] = []
    for tensor in layout.tensors {
      guard let (file, name) = folder.source(of: tensor) else { continue }
      _ = try file.tensor(name, shape: tensor.shape)
      if tensor.isTrained {
        trained.append((tensor, file, name))
      } else {
        frozen[tensor.name] = try owner.view(file, name, count: tensor.count)
      }
    }
    self.init(layout: layout, frozen: frozen, owner: owner)
    for (tensor, file, name) in trained {
      try value(tensor.name).withMutableSpan { try file.copy(name, into: &$0) }
    }
  }
}

extension ModelFolder {
  /// The file that holds a tensor of the layout, and its name there; nil for a head that the folder has not.
  func source(of tensor: ParameterLayout.Tensor) -> (file: any TensorFile, name: String)? {
    guard tensor.part == .head else { return (weights.file, weights.fileName(tensor.name)) }
    let head = [head?.tensors, sparseHead].compactMap { $0 }.first { $0.holds(tensor) }
    return head.map { ($0.file, $0.fileName(tensor.name)) }
  }
}

/// Keeps alive what frozen tensors are views of: mapped files, and copies of what could not be read in place.
private final class FrozenTensors {
  private var files: [any TensorFile] = []
  private let copies = Arena()

  func view(_ file: any TensorFile, _ name: String, count: Int) throws -> Matrix {
    if !files.contains(where: { $0 === file }) { files.append(file) }
    if let matrix = try file.matrix(name) { return matrix }
    let copy = copies.matrix(rows: 1, columns: count)
    try copy.withMutableSpan { try file.copy(name, into: &$0) }
    return copy
  }
}
