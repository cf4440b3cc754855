/// Reads the `tokenizer.json` of a BERT, as Hugging Face's `tokenizers` writes it.
///
/// Its truncation and padding are not read: lengths are the model folder's affair. An unknown kind of model, normalizer,
/// pre-tokenizer or post-processor is an error, for it would cut texts in another way.
func readTokenizerJSON(in folder: ModelFolder) throws(TokenizerError) -> WordPieceParts {
  guard let root = try folder.json("tokenizer.json") else {
    throw TokenizerError(file: folder.path(of: "tokenizer.json"), problem: "no such file")
  }
  let model = try root.required("model", root.object("model"))
  let kind = try model.string("type") ?? (model["continuing_subword_prefix"] == nil ? "untyped" : "WordPiece")
  guard kind != "Unigram" else {
    throw root.failure(
      """
      the model "Unigram" is read from \(SentencePieceTokenizer.fileName), which is not in this folder; copy it from \
      the model the folder was made from
      """)
  }
  guard kind == "WordPiece" else { throw unsupported("model", kind, "WordPiece", in: root) }
  try checkPreTokenizer(of: root)

  var names = try SpecialTokenFiles(in: folder, defaults: .bert).names()
  names.unknown = try model.required("unk_token", model.string("unk_token"))
  if let frame = try frame(of: root) { (names.classification, names.separator) = frame }
  return WordPieceParts(
    vocabulary: try vocabulary(of: model), addedTokens: try addedTokens(of: root), normalizer: try normalizer(of: root),
    specialTokens: names,
    continuationPrefix: try model.required("continuing_subword_prefix", model.string("continuing_subword_prefix")),
    longestWord: try model.required("max_input_chars_per_word", model.count("max_input_chars_per_word")))
}

/// The tokens by id, from an object of token → id.
private func vocabulary(of model: JSONObject) throws(TokenizerError) -> [String] {
  let members = try model.required("vocab", model.object("vocab")).members
  var tokens = [String?](repeating: nil, count: members.count)
  for (token, value) in members {
    guard let id = JSONObject.count(value) else {
      throw model.failure("\(model.path)vocab: the id of \"\(token)\" should be a whole number from 0")
    }
    guard id < tokens.count else {
      throw model.failure(
        "\(model.path)vocab: \"\(token)\" has id \(id), but there are only \(tokens.count) tokens: ids have holes")
    }
    if let other = tokens[id] {
      throw model.failure("\(model.path)vocab: \"\(other)\" and \"\(token)\" have the same id, \(id)")
    }
    tokens[id] = token
  }
  return tokens.compactMap(\.self)
}

private func addedTokens(of root: JSONObject) throws(TokenizerError) -> [AddedToken] {
  var tokens: [AddedToken] = []
  for object in try root.objects("added_tokens") ?? [] {
    let id = try object.required("id", object.count("id"))
    tokens.append(try SpecialTokenFiles.token(object, id: Int32(id)))
  }
  return tokens
}

private func normalizer(of root: JSONObject) throws(TokenizerError) -> BERTNormalizer {
  guard let object = try root.object("normalizer") else {
    return BERTNormalizer(cleansText: false, partsIdeographs: false, stripsAccents: false, lowercases: false)
  }
  let kind = try object.required("type", object.string("type"))
  guard kind == "BertNormalizer" else { throw unsupported("normalizer", kind, "BertNormalizer", in: root) }
  let lowercases = try object.required("lowercase", object.bool("lowercase"))
  return BERTNormalizer(
    cleansText: try object.required("clean_text", object.bool("clean_text")),
    partsIdeographs: try object.required("handle_chinese_chars", object.bool("handle_chinese_chars")),
    stripsAccents: try object.bool("strip_accents") ?? lowercases, lowercases: lowercases)
}

private func checkPreTokenizer(of root: JSONObject) throws(TokenizerError) {
  let object = try root.required("pre_tokenizer", root.object("pre_tokenizer"))
  let kind = try object.required("type", object.string("type"))
  guard kind == "BertPreTokenizer" else { throw unsupported("pre_tokenizer", kind, "BertPreTokenizer", in: root) }
}

/// The tokens that the post-processor puts before and after a text: `[CLS]` and `[SEP]`; nil without a post-processor.
private func frame(of root: JSONObject) throws(TokenizerError) -> (first: String, last: String)? {
  guard let object = try root.object("post_processor") else { return nil }
  let kind = try object.required("type", object.string("type"))
  switch kind {
  case "BertProcessing": return (try pairedToken("cls", of: object), try pairedToken("sep", of: object))
  case "TemplateProcessing": return try template(of: object)
  default: throw unsupported("post_processor", kind, "TemplateProcessing or BertProcessing", in: root)
  }
}

/// The token of a `["[CLS]", 101]`.
private func pairedToken(_ key: String, of object: JSONObject) throws(TokenizerError) -> String {
  guard let pair = try object.array(key), pair.count == 2, case .string(let token) = pair[0] else {
    throw object.failure("\(object.path)\(key) should be a token and its id")
  }
  return token
}

/// The first and last token of a template `[CLS] $A [SEP]`.
private func template(of object: JSONObject) throws(TokenizerError) -> (first: String, last: String) {
  let parts = try object.objects("single") ?? []
  guard
    parts.count == 3, let first = try parts[0].object("SpecialToken"), try parts[1].object("Sequence") != nil,
    let last = try parts[2].object("SpecialToken")
  else {
    throw object.failure("\(object.path)single should be a special token, the text and a special token, as BERT's is")
  }
  return (try first.required("id", first.string("id")), try last.required("id", last.string("id")))
}

private func unsupported(_ part: String, _ kind: String, _ supported: String, in root: JSONObject) -> TokenizerError {
  root.failure("the \(part) \"\(kind)\" is not supported, only \(supported); use a model with a BERT tokenizer")
}
