/// How a model folder is laid out: which files hold its heads and say how texts are marked.
package enum ModelLayout: String, Codable, Sendable, CaseIterable {
  /// BGE-M3's: `colbert_linear.pt` and `sparse_linear.pt`.
  case flagEmbedding = "flagembedding"
  /// Sentence Transformers' `MultiVectorEncoder`, version 6: modules for projection, mask and normalisation.
  case sentenceTransformers = "sentence-transformers"
  /// PyLate's: `1_Dense`, and the markers in `config_sentence_transformers.json`.
  case pyLate = "pylate"
  /// Stanford's, as colbert-ir/colbertv2.0: `linear.weight` in the encoder's file, and `artifact.metadata`.
  case stanford

  /// Files that describe an encoder and its tokenizer and are the same in every layout.
  static let described = [
    "config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json",
    "added_tokens.json", "sentencepiece.bpe.model", "generation_config.json",
  ]
}
