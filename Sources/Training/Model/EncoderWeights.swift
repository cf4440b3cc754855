import Checkpoints
import LateInteraction
import Tensors

/// An encoder's tensors in a safetensors file, under whatever prefix and norm names it was saved.
struct EncoderWeights: Sendable {
  let file: SafetensorsFile
  /// What stands before `embeddings.word_embeddings.weight` in the file.
  private let prefix: String
  private let namesNormsGammaBeta: Bool

  /// Prefixes under which `transformers` saves an encoder inside a larger model.
  private static let prefixes = ["", "bert.", "model.", "encoder.", "auto_model.", "0.auto_model."]

  init(_ path: String) throws {
    file = try SafetensorsFile(path)
    let names = Set(file.names)
    guard let prefix = Self.prefixes.first(where: { names.contains("\($0)embeddings.word_embeddings.weight") }) else {
      _ = try file.tensor("embeddings.word_embeddings.weight")
      preconditionFailure("the tensor is missing, so the line above threw")
    }
    self.prefix = prefix
    namesNormsGammaBeta = names.contains("\(prefix)embeddings.LayerNorm.gamma")
  }

  /// The name in the file of the tensor that the layout calls `name`.
  func fileName(_ name: String) -> String {
    guard namesNormsGammaBeta, name.contains("LayerNorm") else { return prefix + name }
    return prefix
      + name.replacing("LayerNorm.weight", with: "LayerNorm.gamma")
      .replacing("LayerNorm.bias", with: "LayerNorm.beta")
  }

  func check(_ tensor: ParameterLayout.Tensor) throws {
    _ = try file.tensor(fileName(tensor.name), shape: tensor.shape)
  }
}
