import LateInteraction
import Tensors

/// The memory a rank will need, by part, in bytes.
struct MemoryEstimate {
  let state: Int
  let activations: Int
  let vectors: Int
  /// The model's files, mapped: one copy serves all ranks of a machine, and the system may drop it.
  let files: Int

  init(_ setup: TrainingSetup, _ lengths: SampledLengths, queriesPerRank: Int) {
    let model = setup.model.model
    let batch = setup.configuration.batch
    let documents = Double(lengths.documents) / Double(max(1, lengths.rows))
    let chunkQueries = Double((queriesPerRank + batch.accumulation - 1) / batch.accumulation)
    let tokens = Int(chunkQueries * (lengths.meanQuery + documents * lengths.meanDocument))
    let keys = Int(max(lengths.meanQuery, lengths.meanDocument))
    let globalTokens = Double(batch.queries) * (lengths.meanQuery + documents * lengths.meanDocument)
    state = Self.state(model.parameters.layout, tokens: Int(globalTokens))
    // The head's input and output, and their gradients, lie beside the encoder's activations.
    let head = tokens * (3 * model.head.shape.width + 2 * model.head.shape.dimension)
    activations = 4 * (model.encoder.activationFloats(tokens: tokens, keysPerToken: keys) + head)
    // Gathered documents and their gradients.
    let gathered = Int(Double(batch.queries) * documents * lengths.meanDocument)
    vectors = 8 * gathered * model.head.shape.dimension
    files = model.parameters.layout.tensors.reduce(0) { $0 + 4 * $1.count }
  }

  /// Values and two moments of all trained tensors, and gradients: of the word table at most a row for each token of the
  /// global batch.
  static func state(_ layout: ParameterLayout, tokens: Int) -> Int {
    guard let words = layout.trainedWords else { return 16 * layout.trainedCount }
    let wordGradients = min(words.shape[0], tokens) * words.shape[1]
    return 4 * (3 * layout.trainedCount + layout.trainedCount - words.count + wordGradients)
  }

  var description: String {
    func gigabytes(_ bytes: Int) -> String { ProgressFormat.decimals(Double(bytes) / 1e9, 2) + " GB" }
    return """
      \(gigabytes(state + activations + vectors + files)) (\(gigabytes(state)) parameters, gradients and moments, \
      \(gigabytes(activations)) activations, \(gigabytes(vectors)) gathered vectors, \(gigabytes(files)) mapped model files)
      """
  }
}
