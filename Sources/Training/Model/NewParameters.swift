import LateInteraction
import Tensors

/// A new projection: U(−1/√width, 1/√width), PyTorch's default for a linear layer, as a function of the seed.
func initializeHead(_ parameters: Parameters, _ shape: HeadShape, seed: UInt64) {
  let bound = 1 / Double(shape.width).squareRoot()
  var state = seed
  for name in ["\(shape.name).weight", "\(shape.name).bias"] {
    guard let range = parameters.layout[name]?.range else { continue }
    var span = parameters.values.mutableSpan(range)
    for i in 0..<span.count {
      state &+= 0x9E37_79B9_7F4A_7C15
      span[i] = Float((2 * uniform(state) - 1) * bound)
    }
  }
}

/// Puts markers that the encoder never saw in pretraining where new words are least in the way: the mean of the word table's rows.
///
/// The `[unused0]` of a plain BERT is whatever the pretraining's own start left there, far from the words.
///
/// - Parameter markers: rows of the word table, which must be trained.
/// - Source: Hewitt, "Initializing new word embeddings for pretrained language models", 2021; it is also what
///   `transformers`' `resize_token_embeddings` does, and so PyLate.
func initializeMarkers(_ parameters: Parameters, _ markers: [Int32]) {
  let table = parameters.value(EncoderConfiguration.wordTable)
  var sums = [Double](repeating: 0, count: table.columns)
  table.withSpan { words in
    for row in 0..<table.rows {
      for column in 0..<table.columns { sums[column] += Double(words[row * table.columns + column]) }
    }
  }
  let mean = sums.map { Float($0 / Double(table.rows)) }
  for marker in markers { table.rows(Int(marker)..<Int(marker) + 1).assign(mean) }
}

/// 53 bits of SplitMix64's finaliser as a number in [0, 1).
private func uniform(_ state: UInt64) -> Double {
  var z = state
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return Double((z ^ (z >> 31)) >> 11) / Double(UInt64(1) << 53)
}
