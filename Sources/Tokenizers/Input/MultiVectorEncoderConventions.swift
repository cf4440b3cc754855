/// The conventions of a folder of Sentence Transformers' `MultiVectorEncoder` (version 6.2: `base/modules/transformer.py`,
/// `multi_vector_encoder/model.py` and `modules/multi_vector_mask.py`). What cannot be computed here is an error.
extension InputConventions {
  /// The file that says a folder holds a `MultiVectorEncoder`; nil if none does.
  package static func multiVectorEncoderStatement(folder: String) throws(TokenizerError) -> String? {
    guard let settings = try ModelFolder(path: folder).json(multiVectorSettingsFile),
      case .string("MultiVectorEncoder") = settings["model_type"]
    else { return nil }
    return settings.file
  }

  /// Whether a folder's scores are means over the query's vectors (`meanmaxsim`), not sums.
  package static func multiVectorEncoderTakesMeans(folder: String) throws(TokenizerError) -> Bool {
    guard let settings = try ModelFolder(path: folder).json(multiVectorSettingsFile),
      let similarity = try settings.string("similarity_fn_name")
    else { return false }
    switch similarity {
    case "maxsim": return false
    case "meanmaxsim": return true
    default:
      throw settings.failure("similarity_fn_name is \"\(similarity)\", expected \"maxsim\" or \"meanmaxsim\"")
    }
  }

  /// The conventions of a folder, and notices for the log.
  ///
  /// - Parameters:
  ///   - transformer: the folder of the transformer module.
  ///   - mask: that of the MultiVectorMask module; nil if there is none.
  ///   - longestText: of the encoder, in tokens.
  package static func multiVectorEncoder(
    folder: String, transformer: String, mask: String?, longestText: Int, tokenizer: any Tokenizer
  ) throws(TokenizerError) -> (conventions: InputConventions, notices: [String]) {
    let transformerFiles = ModelFolder(path: transformer)
    let module = try transformerFiles.json("sentence_bert_config.json")
    if let module { try checkTransformer(module) }
    var conventions = InputConventions()
    if let settings = try ModelFolder(path: folder).json(multiVectorSettingsFile) {
      for role in TextRole.allCases {
        let prompt = try prompt(of: role, in: settings)
        conventions.setPrompt(prompt, marker: marker(prompt, by: tokenizer), of: role)
      }
    }
    let longest = min(
      longestText, try module?.count("max_seq_length") ?? longestText,
      try transformerFiles.json("tokenizer_config.json")?.length("model_max_length") ?? longestText)
    conventions.queryMaxLength = try module?.count("query_length") ?? longest
    conventions.documentMaxLength = try module?.count("document_length") ?? longest
    if let module { try conventions.readExpansion(of: module, by: tokenizer) }
    guard let mask else {
      guard !conventions.expandsQueries else {
        throw TokenizerError(
          file: "\(folder)/modules.json",
          problem: "queries are expanded, but there is no MultiVectorMask module, which lets the expansion count")
      }
      return (conventions, [])
    }
    let notices = try conventions.readMask(ModelFolder(path: mask), by: tokenizer)
    return (conventions, notices)
  }

  private static let multiVectorSettingsFile = "config_sentence_transformers.json"

  private static func checkTransformer(_ module: JSONObject) throws(TokenizerError) {
    if let task = try module.string("transformer_task"), task != "feature-extraction" {
      throw module.failure("transformer_task is \"\(task)\", expected \"feature-extraction\"")
    }
    if try module.bool("do_lower_case") == true {
      throw module.failure(
        "do_lower_case: true is not supported here; set it to false and let the tokenizer lowercase (tokenizer.json)")
    }
    if let members = try module.object("processing_kwargs")?.members, let first = members.first {
      throw module.failure("processing_kwargs.\(first.key) is not supported")
    }
  }

  /// As `encode_query` and `encode_document` choose it.
  private static func prompt(of role: TextRole, in settings: JSONObject) throws(TokenizerError) -> String {
    guard let prompts = try settings.object("prompts") else { return "" }
    let names = role == .query ? ["query"] : ["document", "passage", "corpus"]
    for name in names + [try settings.string("default_prompt_name")].compactMap(\.self) {
      if let prompt = try prompts.string(name) { return prompt }
    }
    return ""
  }

  /// The token that a prompt is, if it is one whatever text follows: an added token, or a word and a space.
  private static func marker(_ prompt: String, by tokenizer: any Tokenizer) -> Int32? {
    let ids = tokenizer.ids(of: prompt)
    let isOneToken =
      ids.count == 1
      && ["a", " a", "1", ".", "##a"].allSatisfy { tokenizer.ids(of: prompt + $0) == ids + tokenizer.ids(of: $0) }
    return isOneToken ? ids[0] : nil
  }

  private mutating func setPrompt(_ prompt: String, marker: Int32?, of role: TextRole) {
    let text = marker == nil ? prompt : ""
    switch role {
    case .query: (queryPrompt, queryMarker) = (text, marker)
    case .document: (documentPrompt, documentMarker) = (text, marker)
    }
  }

  private mutating func readExpansion(
    of module: JSONObject, by tokenizer: any Tokenizer
  ) throws(TokenizerError) {
    guard let expansion = try module.object("query_expansion") else { return }
    guard let mask = tokenizer.mask else {
      throw module.failure(
        "queries are expanded with the mask token, but the tokenizer has none; name its mask_token")
    }
    let length = try expansion.required("length", expansion.count("length"))
    let strategy = try expansion.required("strategy", expansion.string("strategy"))
    // With "min" longer queries are kept; it is the same as "fixed" where query_length allows none.
    guard strategy == "fixed" || strategy == "min" && queryMaxLength == length else {
      throw module.failure("query_expansion.strategy is \"\(strategy)\", only \"fixed\" is supported")
    }
    if let token = try expansion.string("token"), tokenizer.id(of: token) != mask {
      throw module.failure("query_expansion.token is \"\(token)\", only the tokenizer's mask token is supported")
    }
    queryMaxLength = length
    expandsQueries = true
    attendsToExpansion = try expansion.bool("attend") ?? false
  }

  private mutating func readMask(
    _ files: ModelFolder, by tokenizer: any Tokenizer
  ) throws(TokenizerError) -> [String] {
    guard let settings = try files.json("config.json") else {
      throw TokenizerError(
        file: files.path(of: "config.json"), problem: "no such file; is this a complete model folder?")
    }
    guard try settings.array("keep_only_token_ids")?.isEmpty ?? true else {
      throw settings.failure("keep_only_token_ids is not supported")
    }
    let words = try settings.strings("skiplist_words") ?? []
    let tasks = try settings.strings("skiplist_tasks") ?? ["document"]
    let (ids, notices) = skippedIDs(words, by: tokenizer, file: settings.file)
    if tasks.contains("document") { skipList = ids }
    if tasks.contains("query") { querySkipList = ids }
    return notices
  }
}

extension JSONObject {
  fileprivate func strings(_ key: String) throws(TokenizerError) -> [String]? {
    if case .string(let text)? = self[key] { return [text] }
    guard let elements = try array(key) else { return nil }
    var strings: [String] = []
    for element in elements {
      guard case .string(let text) = element else { throw failure("\(path)\(key) should be strings") }
      strings.append(text)
    }
    return strings
  }

  /// A number of tokens; nil if it is absent, or so large that it means "any" (`transformers` writes 1e30).
  fileprivate func length(_ key: String) throws(TokenizerError) -> Int? {
    guard case .number(let number)? = self[key], number > 1e9 else { return try count(key) }
    return nil
  }
}
