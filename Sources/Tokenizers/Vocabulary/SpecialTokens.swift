/// The names of the special tokens, as the files spell them; nil: there is none.
struct SpecialTokens {
  /// `bos_token` and `eos_token`, which BERT does not have.
  var beginning: String?
  var end: String?
  var classification: String?
  var separator: String?
  var mask: String?
  var padding: String?
  var unknown: String?

  static let bert = SpecialTokens(
    classification: "[CLS]", separator: "[SEP]", mask: "[MASK]", padding: "[PAD]", unknown: "[UNK]")
  static let xlmRoberta = SpecialTokens(
    beginning: "<s>", end: "</s>", classification: "<s>", separator: "</s>", mask: "<mask>", padding: "<pad>",
    unknown: "<unk>")

  /// The id of a special token that must be there.
  func required(
    _ id: (String) -> Int32?, _ token: KeyPath<SpecialTokens, String?>, _ key: String, file: String
  ) throws(TokenizerError) -> Int32 {
    guard let id = self[keyPath: token].flatMap(id) else {
      let name = self[keyPath: token].map { "\"\($0)\"" } ?? "none"
      throw TokenizerError(
        file: file, problem: "the \(key), \(name), is not in the vocabulary; name it in tokenizer_config.json")
    }
    return id
  }
}
