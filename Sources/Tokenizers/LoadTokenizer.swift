/// The tokenizer of a Hugging Face folder: `sentencepiece.bpe.model`, else `tokenizer.json`, else `vocab.txt`.
package func loadTokenizer(folder: String) throws(TokenizerError) -> any Tokenizer {
  let files = ModelFolder(path: folder)
  if files.has(SentencePieceTokenizer.fileName) { return try SentencePieceTokenizer(in: files) }
  if files.has("tokenizer.json") {
    return try WordPieceTokenizer(readTokenizerJSON(in: files), file: files.path(of: "tokenizer.json"))
  }
  if files.has("vocab.txt") {
    return try WordPieceTokenizer(readVocabularyText(in: files), file: files.path(of: "vocab.txt"))
  }
  throw TokenizerError(
    file: folder,
    problem: files.exists
      ? """
      no tokenizer here: expected tokenizer.json or vocab.txt (BERT) or sentencepiece.bpe.model (XLM-R); copy them from \
      the model the folder was made from
      """
      : "no such folder; name the folder of a model in Hugging Face's layout")
}
