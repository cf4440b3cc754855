import Checkpoints
import LateInteraction
import Tensors

/// An encoder's tensors in a file, under whatever prefix and norm names it was saved.
struct EncoderWeights: Sendable {
  let file: any TensorFile
  /// What stands before `embeddings.word_embeddings.weight` in the file.
  private let prefix: String
  private let namesNormsGammaBeta: Bool

  /// Prefixes under which `transformers` saves an encoder inside a larger model.
  private static let prefixes = ["", "bert.", "roberta.", "model.", "encoder.", "auto_model.", "0.auto_model."]

  init(_ file: any TensorFile) throws {
    self.file = file
    let names = Set(file.names)
    guard let prefix = Self.prefixes.first(where: { names.contains($0 + EncoderConfiguration.wordTable) }) else {
      _ = try file.tensor(EncoderConfiguration.wordTable)
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

  /// What the file's tensor `name` is called in an encoder's own file today, if it is part of the encoder or of what was
  /// saved within it, such as the pooler; nil if it is not.
  func plainName(_ name: String) -> String? {
    guard name.hasPrefix(prefix) else { return nil }
    let plain = String(name.dropFirst(prefix.count))
    guard namesNormsGammaBeta, plain.contains("LayerNorm") else { return plain }
    return plain.replacing("LayerNorm.gamma", with: "LayerNorm.weight")
      .replacing("LayerNorm.beta", with: "LayerNorm.bias")
  }
}
