extension InputConventions {
  /// Python's `string.punctuation`, which Stanford's and PyLate's models skip in documents.
  package static let punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".map(String.init)

  /// The file in which a folder states PyLate's conventions; nil if none does.
  ///
  /// Lengths alone state no style: a folder of any has them.
  package static func pyLateStatement(folder: String) throws(TokenizerError) -> String? {
    guard let settings = try ModelFolder(path: folder).json(settingsFile), PyLateSettings.stateStyle(settings) else {
      return nil
    }
    return settings.file
  }

  /// The file in which a folder states Stanford's conventions; nil if it has none.
  package static func stanfordStatement(folder: String) throws(TokenizerError) -> String? {
    let files = ModelFolder(path: folder)
    return files.has(metadataFile) ? files.path(of: metadataFile) : nil
  }

  /// The conventions that a folder of a style states, lengths as it states them, and notices for the log.
  package static func read(
    folder: String, style: ModelStyle, tokenizer: any Tokenizer
  ) throws(TokenizerError) -> (conventions: InputConventions, notices: [String]) {
    let files = ModelFolder(path: folder)
    let settings = try files.json(settingsFile)
    let statement: ConventionsStatement
    if style == .bgeM3 {
      return (try bgeM3(settings), [])
    } else if let settings, PyLateSettings.arePresent(in: settings) {
      try PyLateSettings.checkCasing(in: files)
      statement = try PyLateSettings.statement(settings)
    } else if let metadata = try files.json(metadataFile) {
      statement = try stanfordStatement(metadata)
    } else {
      statement = ConventionsStatement(file: folder, queryMarker: "[unused0]", documentMarker: "[unused1]")
    }
    return try statement.resolved(by: tokenizer)
  }

  private static let settingsFile = "config_sentence_transformers.json"
  private static let metadataFile = "artifact.metadata"

  /// BGE-M3's layout states nothing but, where this program wrote it, lengths.
  private static func bgeM3(_ settings: JSONObject?) throws(TokenizerError) -> InputConventions {
    var conventions = InputConventions(dropsFirstToken: true)
    conventions.queryMaxLength = try settings?.count("query_length") ?? conventions.queryMaxLength
    conventions.documentMaxLength = try settings?.count("document_length") ?? conventions.documentMaxLength
    return conventions
  }

  /// Stanford's `artifact.metadata`; what it leaves out is Stanford's default, but for the document length, where the
  /// recipe of ColBERTv2 is followed.
  private static func stanfordStatement(_ metadata: JSONObject) throws(TokenizerError) -> ConventionsStatement {
    for (key, expected) in [("similarity", "cosine"), ("interaction", "colbert")] {
      if let value = try metadata.string(key), value != expected {
        throw metadata.failure("\(key) is \"\(value)\", only \"\(expected)\" is supported")
      }
    }
    var statement = ConventionsStatement(
      file: metadata.file, queryMarker: try metadata.string("query_token_id") ?? "[unused0]",
      documentMarker: try metadata.string("doc_token_id") ?? "[unused1]")
    statement.queryLength = try metadata.count("query_maxlen") ?? statement.queryLength
    statement.documentLength = try metadata.count("doc_maxlen") ?? statement.documentLength
    statement.attendsToExpansion = try metadata.bool("attend_to_mask_tokens") ?? false
    if try metadata.bool("mask_punctuation") == false { statement.skipWords = [] }
    return statement
  }
}

/// The settings of `config_sentence_transformers.json` that PyLate adds (PyLate 1.6, `models/colbert.py`).
private enum PyLateSettings {
  private static let keys: Set = [
    "query_prefix", "document_prefix", "attend_to_expansion_tokens", "skiplist_words", "do_query_expansion",
  ]
  private static let lengthKeys: Set = ["query_length", "document_length"]

  static func arePresent(in settings: JSONObject) -> Bool {
    stateStyle(settings) || settings.members.contains { lengthKeys.contains($0.key) }
  }

  static func stateStyle(_ settings: JSONObject) -> Bool {
    if case .string("ColBERT") = settings["model_type"] { return true }
    return settings.members.contains { keys.contains($0.key) }
  }

  /// What is absent or null is PyLate's default.
  static func statement(_ settings: JSONObject) throws(TokenizerError) -> ConventionsStatement {
    var statement = ConventionsStatement(
      file: settings.file, queryMarker: try settings.string("query_prefix") ?? "[Q] ",
      documentMarker: try settings.string("document_prefix") ?? "[D] ")
    statement.queryLength = try settings.count("query_length") ?? statement.queryLength
    statement.documentLength = try settings.count("document_length") ?? statement.documentLength
    statement.expandsQueries = try settings.bool("do_query_expansion") ?? true
    statement.attendsToExpansion = try settings.bool("attend_to_expansion_tokens") ?? false
    if let words = try settings.array("skiplist_words") {
      statement.skipWords = []
      for word in words {
        guard case .string(let word) = word else { throw settings.failure("skiplist_words should be strings") }
        statement.skipWords.append(word)
      }
    }
    statement.trimsText = true
    return statement
  }

  /// Sentence Transformers can lowercase texts before any tokenizer; that is not done here, so it must not be asked for.
  static func checkCasing(in files: ModelFolder) throws(TokenizerError) {
    guard let settings = try files.json("sentence_bert_config.json"), try settings.bool("do_lower_case") == true else {
      return
    }
    throw settings.failure(
      "do_lower_case: true is not supported here; set it to false and let the tokenizer lowercase (tokenizer.json)")
  }
}

/// Conventions as a folder spells them: tokens are texts yet.
private struct ConventionsStatement {
  /// Where they are stated; named in errors.
  var file: String
  /// Empty: no marker.
  var queryMarker: String
  var documentMarker: String
  var queryLength = 32
  var documentLength = 180
  var expandsQueries = true
  var attendsToExpansion = false
  var skipWords = InputConventions.punctuation
  var trimsText = false

  func resolved(
    by tokenizer: any Tokenizer
  ) throws(TokenizerError) -> (conventions: InputConventions, notices: [String]) {
    guard !expandsQueries || tokenizer.mask != nil else {
      throw TokenizerError(
        file: file, problem: "queries are expanded with the mask token, but the tokenizer has none; name its mask_token"
      )
    }
    let (skipList, notices) = skippedIDs(skipWords, by: tokenizer, file: file)
    let conventions = InputConventions(
      queryMarker: try marker(queryMarker, of: .query, by: tokenizer),
      documentMarker: try marker(documentMarker, of: .document, by: tokenizer), queryMaxLength: queryLength,
      documentMaxLength: documentLength, expandsQueries: expandsQueries,
      attendsToExpansion: attendsToExpansion && expandsQueries, skipList: skipList, trimsText: trimsText)
    return (conventions, notices)
  }

  private func marker(_ token: String, of role: TextRole, by tokenizer: any Tokenizer) throws(TokenizerError) -> Int32?
  {
    if token.isEmpty { return nil }
    guard let id = tokenizer.id(of: token) else {
      throw TokenizerError(
        file: file,
        problem: """
          the \(role) marker "\(token)" is not one token of the tokenizer; add it as a token with a row in the word \
          embeddings, or state in PyLate's config_sentence_transformers.json the \(role)_prefix the model has \
          (\"\": none)
          """)
    }
    return id
  }
}

/// The ids of the words of a skip list, and notices for the log.
///
/// A word without a token is left out: as the unknown token it would drop every unknown word of a text.
func skippedIDs(_ words: [String], by tokenizer: any Tokenizer, file: String) -> (ids: Set<Int32>, notices: [String]) {
  var ids: Set<Int32> = []
  var left: [String] = []
  for word in words {
    if let id = tokenizer.id(of: word), id != tokenizer.unknown { ids.insert(id) } else { left.append("\"\(word)\"") }
  }
  if left.isEmpty { return (ids, []) }
  return (ids, ["\(file): skip words without a token of their own are ignored: \(left.joined(separator: ", "))"])
}
