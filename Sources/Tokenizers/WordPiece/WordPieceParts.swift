/// What the files of a WordPiece tokenizer say, from whichever layout.
struct WordPieceParts {
  /// By id.
  var vocabulary: [String]
  var addedTokens: [AddedToken]
  var normalizer: BERTNormalizer
  var specialTokens: SpecialTokens
  var continuationPrefix = "##"
  var longestWord = 100

  /// The number of every token, and those of the special ones.
  struct IDs {
    var tokens: [String]
    /// Added tokens that the vocabulary lacks.
    var added = ScalarTrie()
    var classification: Int32 = 0
    var separator: Int32 = 0
    var mask: Int32?
    var padding: Int32 = 0
    var unknown: Int32 = 0
  }

  /// Every id, checked: no token twice, added tokens numbered as Hugging Face numbers them.
  func resolvedIDs(file: String) throws(TokenizerError) -> IDs {
    var known = ScalarTrie()
    for (id, token) in vocabulary.enumerated() {
      if let other = known.insert(token.scalarValues, Int32(id)) {
        throw TokenizerError(
          file: file, problem: "the token \"\(token)\" has two ids, \(other) and \(id); the vocabulary is damaged")
      }
    }
    var ids = IDs(tokens: vocabulary)
    for token in addedTokens {
      let expected = known[token.content.scalarValues] ?? Int32(ids.tokens.count)
      guard token.id == expected else {
        throw TokenizerError(
          file: file,
          problem: """
            the added token "\(token.content)" has id \(token.id), but Hugging Face numbers it \(expected): a token of \
            the vocabulary keeps its id, others follow the vocabulary in order without holes; save the tokenizer again
            """)
      }
      if known.insert(token.content.scalarValues, token.id) == nil {
        ids.added.insert(token.content.scalarValues, token.id)
        ids.tokens.append(token.content)
      }
    }
    let id = { (name: String?) in name.flatMap { known[$0.scalarValues] } }
    ids.classification = try specialTokens.required(id, \.classification, "cls_token", file: file)
    ids.separator = try specialTokens.required(id, \.separator, "sep_token", file: file)
    ids.padding = try specialTokens.required(id, \.padding, "pad_token", file: file)
    ids.unknown = try specialTokens.required(id, \.unknown, "unk_token", file: file)
    ids.mask = id(specialTokens.mask)
    return ids
  }

  /// What finds the added tokens in raw text, and what finds them in normalised text.
  func addedTokenMatchers(file: String) throws(TokenizerError) -> (raw: AddedTokens, normalized: AddedTokens) {
    var raw = AddedTokens()
    var normalized = AddedTokens()
    for token in addedTokens {
      let content = token.content.scalarValues
      let pattern = token.isNormalized ? normalizer.normalize(content[...]) : content
      guard !pattern.isEmpty else {
        throw TokenizerError(
          file: file, problem: "the added token \(token.id), \"\(token.content)\", is empty once normalised")
      }
      let twin = token.isNormalized ? normalized.add(token, matching: pattern) : raw.add(token, matching: pattern)
      if let twin {
        throw TokenizerError(
          file: file, problem: "the added tokens \(twin) and \(token.id), \"\(token.content)\", match the same text")
      }
    }
    return (raw, normalized)
  }
}

/// The names of the special tokens, as the files spell them; nil: there is none.
struct SpecialTokens {
  var classification: String? = "[CLS]"
  var separator: String? = "[SEP]"
  var mask: String? = "[MASK]"
  var padding: String? = "[PAD]"
  var unknown: String? = "[UNK]"

  /// The id of a special token that must be there.
  fileprivate func required(
    _ id: (String?) -> Int32?, _ token: KeyPath<SpecialTokens, String?>, _ key: String, file: String
  ) throws(TokenizerError) -> Int32 {
    guard let id = id(self[keyPath: token]) else {
      let name = self[keyPath: token].map { "\"\($0)\"" } ?? "none"
      throw TokenizerError(
        file: file, problem: "the \(key), \(name), is not in the vocabulary; name it in tokenizer_config.json")
    }
    return id
  }
}
