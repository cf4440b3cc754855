/// Reads a `vocab.txt`, one token a line, with the settings of `tokenizer_config.json`, as `transformers` does.
func readVocabularyText(in folder: ModelFolder) throws(TokenizerError) -> WordPieceParts {
  let files = try SpecialTokenFiles(in: folder, defaults: .bert)
  if let configuration = files.configuration { try checkClass(of: configuration) }
  let (vocabulary, ids) = try lines(of: folder)
  let lowercases = try files.configuration?.bool("do_lower_case") ?? true
  return WordPieceParts(
    vocabulary: vocabulary, addedTokens: try files.addedTokens { ids[$0.scalarValues] },
    normalizer: BERTNormalizer(
      cleansText: true, partsIdeographs: try files.configuration?.bool("tokenize_chinese_chars") ?? true,
      stripsAccents: try files.configuration?.bool("strip_accents") ?? lowercases, lowercases: lowercases),
    specialTokens: try files.names())
}

/// Other classes also read a `vocab.txt`, but cut words in their own way.
private func checkClass(of configuration: JSONObject) throws(TokenizerError) {
  guard let name = try configuration.string("tokenizer_class") else { return }
  let supported = ["Bert", "DistilBert", "Electra"].flatMap { ["\($0)Tokenizer", "\($0)TokenizerFast"] }
  guard supported.contains(name) else {
    throw configuration.failure(
      "the tokenizer_class \"\(name)\" is not supported without a tokenizer.json, only \(supported.joined(separator: ", "))"
    )
  }
}

/// The lines without whitespace at their ends, and the number of each.
private func lines(of folder: ModelFolder) throws(TokenizerError) -> (tokens: [String], ids: ScalarTrie) {
  let utf8 = try folder.utf8("vocab.txt")
  var lines = utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
  if lines.last?.isEmpty == true { lines.removeLast() }
  let sets = BERTCharacters.ofScalars
  var tokens: [String] = []
  var known = ScalarTrie()
  for (index, line) in lines.enumerated() {
    var scalars = String(decoding: line, as: UTF8.self).unicodeScalars
    while let last = scalars.last, sets[Int(last.value)].contains(.whitespace) { scalars.removeLast() }
    tokens.append(String(scalars))
    if let first = known.insert(tokens[index].scalarValues, Int32(index)) {
      throw TokenizerError(
        file: folder.path(of: "vocab.txt"), line: index + 1,
        problem: "the token \"\(tokens[index])\" is also line \(first + 1); a vocabulary has each token once")
    }
  }
  return (tokens, known)
}
