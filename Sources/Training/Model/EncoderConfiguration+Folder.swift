import Checkpoints
import Foundation
package import LateInteraction

extension EncoderConfiguration {
  /// Reads a Hugging Face `config.json`; what this version cannot compute is an error that names the key.
  package init(configFile path: String) throws {
    let file: ConfigFile = try readJSON(path)
    func require(_ holds: Bool, _ problem: @autoclosure () -> String) throws {
      if !holds { throw ModelFileError(path: path, problem: problem()) }
    }
    let families: [String: EncoderFamily] = ["bert": .bert, "xlm-roberta": .xlmRoberta]
    guard let family = families[file.model_type] else {
      throw ModelFileError(
        path: path, problem: "model_type is \"\(file.model_type)\", expected \"bert\" or \"xlm-roberta\"")
    }
    try require(file.hidden_act ?? "gelu" == "gelu", "hidden_act is \"\(file.hidden_act!)\", expected \"gelu\"")
    try require(
      file.position_embedding_type ?? "absolute" == "absolute",
      "position_embedding_type is \"\(file.position_embedding_type!)\", expected \"absolute\"")
    for (name, value) in [
      ("hidden_size", file.hidden_size), ("num_hidden_layers", file.num_hidden_layers),
      ("num_attention_heads", file.num_attention_heads), ("intermediate_size", file.intermediate_size),
      ("vocab_size", file.vocab_size), ("max_position_embeddings", file.max_position_embeddings),
      ("type_vocab_size", file.type_vocab_size ?? 2),
    ] { try require(value > 0 && value <= 1 << 24, "\(name) is \(value), expected 1 … 16,777,216") }
    try require(
      file.hidden_size % file.num_attention_heads == 0,
      "hidden_size \(file.hidden_size) does not divide into \(file.num_attention_heads) attention heads")
    for (name, rate) in [
      ("hidden_dropout_prob", file.hidden_dropout_prob),
      ("attention_probs_dropout_prob", file.attention_probs_dropout_prob),
    ] { try require((0..<1).contains(rate ?? 0), "\(name) is \(rate!), expected 0 … below 1") }
    let padding = file.pad_token_id ?? (family == .bert ? 0 : 1)
    try require((0..<file.vocab_size).contains(padding), "pad_token_id is \(padding), which is no word's")
    self.init(
      family: family, width: file.hidden_size, layerCount: file.num_hidden_layers, headCount: file.num_attention_heads,
      intermediateWidth: file.intermediate_size, vocabularySize: file.vocab_size,
      maximumPositions: file.max_position_embeddings, typeCount: file.type_vocab_size ?? 2,
      epsilon: Float(file.layer_norm_eps ?? 1e-12), paddingID: Int32(padding),
      hiddenDropout: Float(file.hidden_dropout_prob ?? 0.1),
      attentionDropout: Float(file.attention_probs_dropout_prob ?? 0.1))
    try require(
      longestText > 0,
      "max_position_embeddings is \(maximumPositions), which leaves no position after pad_token_id \(padding)")
  }
}

/// The keys of `config.json` that matter here, under their own names; the optional ones have `transformers`' defaults.
private struct ConfigFile: Decodable {
  let model_type: String
  let hidden_size: Int
  let num_hidden_layers: Int
  let num_attention_heads: Int
  let intermediate_size: Int
  let vocab_size: Int
  let max_position_embeddings: Int
  let type_vocab_size: Int?
  let layer_norm_eps: Double?
  let hidden_act: String?
  let position_embedding_type: String?
  let hidden_dropout_prob: Double?
  let attention_probs_dropout_prob: Double?
  let pad_token_id: Int?
}

extension DecodingError {
  /// What is wrong, in one line that names the key.
  var explanation: String {
    func path(_ context: Context) -> String { context.codingPath.map(\.stringValue).joined(separator: ".") }
    return switch self {
    case .keyNotFound(let key, _): "\(key.stringValue) is missing"
    case .typeMismatch(let type, let context): "\(path(context)) is no \(type)"
    case .valueNotFound(_, let context): "\(path(context)) is null"
    case .dataCorrupted: "is no JSON"
    @unknown default: "is not as expected"
    }
  }
}
