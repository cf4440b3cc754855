import Checkpoints
package import LateInteraction
package import Tensors
package import Tokenizers

/// How a model folder is to be used.
package struct ModelSettings: Sendable {
  package var path: String
  /// For a folder without a ColBERT head.
  package var dimension: Int?
  package var trained: LateInteraction.TrainedPart
  /// Both of the encoder's dropouts; nil: the folder's.
  package var dropout: Double?
  package var queryMaxLength: Int?
  package var documentMaxLength: Int?
  /// Of a new head.
  package var seed: UInt64

  package init(
    path: String, dimension: Int? = nil, trained: LateInteraction.TrainedPart = .head, dropout: Double? = nil,
    queryMaxLength: Int? = nil, documentMaxLength: Int? = nil, seed: UInt64 = 42
  ) {
    self.path = path
    self.dimension = dimension
    self.trained = trained
    self.dropout = dropout
    self.queryMaxLength = queryMaxLength
    self.documentMaxLength = documentMaxLength
    self.seed = seed
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
    let folder = try ModelFolder(settings.path)
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
    let layout = ParameterLayout(encoder: encoder, head: head, training: settings.trained)
    let parameters = try Parameters(layout, folder, newHead: folder.head == nil ? settings.seed : nil)
    if trains { parameters.allocateGradients() }

    let (input, notices) = try loadModelTokenizer(settings, folder)

    self.folder = folder
    self.input = input
    model = ColBERTModel(encoder: encoder, head: head, reduction: .sum, parameters: parameters, on: pool)
    hasNewHead = folder.head == nil
    self.notices = folder.notices + notices
  }

  private static func head(_ folder: ModelFolder, _ settings: ModelSettings) throws -> HeadShape {
    if let shape = folder.head?.shape {
      guard settings.dimension == nil || settings.dimension == shape.dimension else {
        throw UsageError(
          "model.dimension is \(settings.dimension!), but \(folder.head!.path) projects to \(shape.dimension); leave it out"
        )
      }
      return shape
    }
    guard let dimension = settings.dimension else {
      throw UsageError(
        "\(folder.path) has no ColBERT head: train one, and say how wide it shall be, for example model.dimension: 128")
    }
    return HeadShape(name: "linear", width: folder.encoder.width, dimension: dimension, hasBias: false)
  }
}

/// The tokenizer of a model folder with the conventions of its inputs, and notices for the log.
package func loadModelTokenizer(_ settings: ModelSettings) throws -> (InputTokenizer, notices: [String]) {
  try loadModelTokenizer(settings, ModelFolder(settings.path))
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
  let (stated, notices) = try InputConventions.read(folder: folder.path, tokenizer: tokenizer)
  let (conventions, cuts) = try stated.limited(
    queryMaxLength: settings.queryMaxLength, documentMaxLength: settings.documentMaxLength,
    maxPositions: folder.encoder.longestText, folder: folder.path)
  return (InputTokenizer(tokenizer: tokenizer, conventions: conventions), notices + cuts)
}

extension Parameters {
  /// Fills a layout from a folder's files.
  fileprivate convenience init(_ layout: ParameterLayout, _ folder: ModelFolder, newHead seed: UInt64?) throws {
    let owner = FrozenTensors()
    var frozen: [String: Matrix] = [:]
    for tensor in layout.tensors where !(tensor.part == .head && folder.head == nil) {
      let (file, name) = folder.source(of: tensor)
      _ = try file.tensor(name, shape: tensor.shape)
      if !tensor.isTrained { frozen[tensor.name] = try owner.view(file, name, count: tensor.count) }
    }
    self.init(layout: layout, frozen: frozen, owner: owner)
    for tensor in layout.trained where !(tensor.part == .head && folder.head == nil) {
      let (file, name) = folder.source(of: tensor)
      try value(tensor.name).withMutableSpan { try file.copy(name, into: &$0) }
    }
    if let seed, let shape = layout.tensors.last(where: { $0.part == .head && $0.name.hasSuffix(".weight") })?.shape {
      initializeHead(
        self, HeadShape(name: "linear", width: shape[1], dimension: shape[0], hasBias: false), seed: seed)
    }
  }
}

extension ModelFolder {
  /// The file that holds a tensor of the layout, and its name there.
  func source(of tensor: ParameterLayout.Tensor) -> (file: SafetensorsFile, name: String) {
    if tensor.part == .head, let head { return (head.file, tensor.name) }
    return (weights.file, weights.fileName(tensor.name))
  }
}

/// Keeps alive what frozen tensors are views of: mapped files, and copies of what could not be read in place.
private final class FrozenTensors {
  private var files: [String: SafetensorsFile] = [:]
  private let copies = Arena()

  func view(_ file: SafetensorsFile, _ name: String, count: Int) throws -> Matrix {
    files[file.path] = file
    if let matrix = try file.matrix(name) { return matrix }
    let copy = copies.matrix(rows: 1, columns: count)
    try copy.withMutableSpan { try file.copy(name, into: &$0) }
    return copy
  }
}
