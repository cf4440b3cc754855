/// What `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` say about tokens, where
/// `transformers` looks for it.
struct SpecialTokenFiles {
  /// `tokenizer_config.json`.
  let configuration: JSONObject?
  private let map: JSONObject?
  private let folder: ModelFolder
  /// The names where no file says otherwise.
  private let defaults: SpecialTokens

  init(in folder: ModelFolder, defaults: SpecialTokens) throws(TokenizerError) {
    self.folder = folder
    self.defaults = defaults
    configuration = try folder.json("tokenizer_config.json")
    // A configuration that lists its added tokens is complete; the older files beside it are not read.
    let isComplete = try configuration?.object("added_tokens_decoder") != nil
    map = isComplete ? nil : try folder.json("special_tokens_map.json")
  }

  /// The special tokens' names.
  func names() throws(TokenizerError) -> SpecialTokens {
    var names = defaults
    names.beginning = try name("bos_token", default: names.beginning)
    names.end = try name("eos_token", default: names.end)
    names.classification = try name("cls_token", default: names.classification)
    names.separator = try name("sep_token", default: names.separator)
    names.mask = try name("mask_token", default: names.mask)
    names.padding = try name("pad_token", default: names.padding)
    names.unknown = try name("unk_token", default: names.unknown)
    return names
  }

  /// The tokens that `transformers` adds to a vocabulary that comes without `tokenizer.json`.
  func addedTokens(idInVocabulary: (String) -> Int32?) throws(TokenizerError) -> [AddedToken] {
    var tokens = try listedTokens()
    var listed = ScalarTrie()
    for token in tokens { listed.insert(token.content.scalarValues, token.id) }
    for token in try namedTokens() {
      // A special token without a row in the model can stand for nothing.
      guard listed[token.content.scalarValues] == nil, let id = idInVocabulary(token.content) else { continue }
      listed.insert(token.content.scalarValues, id)
      tokens.append(token)
      tokens[tokens.count - 1].id = id
    }
    return tokens
  }

  /// Tokens listed with ids, by id: `added_tokens_decoder`, or else the older `added_tokens.json`.
  private func listedTokens() throws(TokenizerError) -> [AddedToken] {
    var tokens: [AddedToken] = []
    if let configuration, let listed = try configuration.object("added_tokens_decoder") {
      for (key, value) in listed.members {
        guard let id = Int32(key), id >= 0 else { throw listed.failure("\(listed.path)\(key) should be a token's id") }
        tokens.append(try Self.token(try listed.object(value, at: key), id: id))
      }
    } else if let listed = try folder.json("added_tokens.json") {
      let special = try Set(namedTokens().map(\.content))
      for (content, value) in listed.members {
        guard let id = JSONObject.count(value) else { throw listed.failure("\"\(content)\" should have an id from 0") }
        tokens.append(AddedToken(content: content, id: Int32(id), isNormalized: !special.contains(content)))
      }
    }
    return tokens.sorted { $0.id < $1.id }
  }

  /// Tokens that a key names; they have no id yet (0).
  private func namedTokens() throws(TokenizerError) -> [AddedToken] {
    let names = try names()
    var tokens: [AddedToken] = []
    for (key, name) in [
      ("bos_token", names.beginning), ("eos_token", names.end), ("unk_token", names.unknown),
      ("sep_token", names.separator), ("pad_token", names.padding), ("cls_token", names.classification),
      ("mask_token", names.mask),
    ] {
      if let (object, value) = value(key) {
        tokens.append(try Self.special(value, at: key, in: object))
      } else if let name {
        tokens.append(AddedToken(content: name, id: 0))
      }
    }
    for key in ["additional_special_tokens", "extra_special_tokens"] {
      guard let (object, value) = value(key), case .array(let elements) = value else { continue }
      for element in elements { tokens.append(try Self.special(element, at: key, in: object)) }
    }
    return tokens
  }

  /// The name under a key; `name` if no file has the key, nil if the file says null.
  private func name(_ key: String, default name: String?) throws(TokenizerError) -> String? {
    if let (object, value) = value(key) { return try Self.special(value, at: key, in: object).content }
    let saysNull = [map, configuration].contains { $0?.members.contains { $0.key == key } ?? false }
    return saysNull ? nil : name
  }

  private func value(_ key: String) -> (JSONObject, JSONValue)? {
    for object in [map, configuration] {
      if let object, let value = object[key] { return (object, value) }
    }
    return nil
  }

  /// A special token, written as its text or as an object.
  private static func special(_ value: JSONValue, at key: String, in object: JSONObject) throws(TokenizerError)
    -> AddedToken
  {
    if case .string(let content) = value { return AddedToken(content: content, id: 0) }
    guard case .object = value else { throw object.failure("\(object.path)\(key) should be a token") }
    return try token(try object.object(value, at: key), id: 0)
  }

  /// A token written as an object, as in `tokenizer.json`.
  static func token(_ object: JSONObject, id: Int32) throws(TokenizerError) -> AddedToken {
    let isSpecial = try object.bool("special") ?? false
    return AddedToken(
      content: try object.required("content", object.string("content")), id: id,
      isSingleWord: try object.bool("single_word") ?? false, stripsLeft: try object.bool("lstrip") ?? false,
      stripsRight: try object.bool("rstrip") ?? false, isNormalized: try object.bool("normalized") ?? !isSpecial)
  }
}
