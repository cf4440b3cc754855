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

/// 53 bits of SplitMix64's finaliser as a number in [0, 1).
private func uniform(_ state: UInt64) -> Double {
  var z = state
  z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
  z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
  return Double((z ^ (z >> 31)) >> 11) / Double(UInt64(1) << 53)
}
