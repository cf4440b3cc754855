/// XLM-R's tokenizer: added tokens are cut out, the rest is normalised, parted at whitespace, and each word, with "▁"
/// put before it, is spelled by a unigram language model.
///
/// The ids are those of Hugging Face's XLMRobertaTokenizer (`tokenizers`, also under the name …Fast), which are
/// fairseq's: 0 `<s>`, 1 `<pad>`, 2 `</s>`, 3 `<unk>`, then SentencePiece's pieces, each with its own id + 1, and
/// `<mask>`. Where SentencePiece's own encoder gives other ids (`CharacterMap`, `Unigram`), Hugging Face's count.
package struct SentencePieceTokenizer: Tokenizer {
  static let fileName = "sentencepiece.bpe.model"
  /// Begins a word.
  private static let wordMark = Unicode.Scalar("▁").value

  package let vocabularySize: Int
  package let classification: Int32
  package let separator: Int32
  package let mask: Int32?
  package let padding: Int32
  package var unknown: Int32 { unigram.unknown }

  /// By id: the vocabulary, then the added tokens that it lacks.
  private let tokens: [String]
  private let unigram: Unigram
  private let characterMap: CharacterMap?
  private let added: AddedVocabulary
  private let sets = BERTCharacters.ofScalars

  /// The tokenizer of a folder that holds `fileName`.
  init(in folder: ModelFolder) throws(TokenizerError) {
    let file = folder.path(of: Self.fileName)
    let files = try SpecialTokenFiles(in: folder, defaults: .xlmRoberta)
    if let configuration = files.configuration { try Self.checkClass(of: configuration) }
    let model = try SentencePieceModel(file: file, bytes: folder.bytes(Self.fileName))
    let special = try files.names()
    let vocabulary = try Self.vocabulary(model, special: special, file: file)
    let unigram = Unigram(pieces: vocabulary.pieces, scores: vocabulary.scores, unknown: 3)
    let normalize = { (text: [UInt32]) in model.characterMap?.normalize(text[...]) ?? text }
    let added = try AddedVocabulary(
      Self.addedTokens(files, model, idInVocabulary: unigram.id), vocabularySize: vocabulary.pieces.count,
      idInVocabulary: unigram.id, normalize: normalize, file: file)

    let id = { (token: String) in unigram.id(of: token) ?? added[token] }
    classification = try special.required(id, \.beginning, "bos_token", file: file)
    separator = try special.required(id, \.end, "eos_token", file: file)
    padding = try special.required(id, \.padding, "pad_token", file: file)
    mask = special.mask.flatMap(id)
    tokens = vocabulary.pieces + added.tokens
    vocabularySize = tokens.count
    characterMap = model.characterMap
    self.unigram = unigram
    self.added = added
  }

  package func ids(of text: String) -> [Int32] {
    var ids: [Int32] = []
    var words = Words()
    let scalars = text.scalarValues
    for piece in added.raw.pieces(of: scalars) {
      switch piece {
      case .token(let id): ids.append(id)
      case .text(let range):
        append(normalized: characterMap?.normalize(scalars[range]) ?? Array(scalars[range]), to: &ids, &words)
      }
    }
    return ids
  }

  package func id(of token: String) -> Int32? { added[token] ?? unigram.id(of: token) }

  package func token(of id: Int32) -> String? { tokens.indices.contains(Int(id)) ? tokens[Int(id)] : nil }

  /// The word in the making, and what spelling it needs, kept for their memory.
  private struct Words {
    var word: [UInt32] = []
    var paths = Unigram.Paths()
  }

  private func append(normalized text: [UInt32], to ids: inout [Int32], _ words: inout Words) {
    for piece in added.normalized.pieces(of: text) {
      switch piece {
      case .token(let id): ids.append(id)
      case .text(let range): appendWords(of: text[range], to: &ids, &words)
      }
    }
  }

  /// Parts `text` at whitespace and before each "▁", and spells the words.
  private func appendWords(of text: ArraySlice<UInt32>, to ids: inout [Int32], _ words: inout Words) {
    for scalar in text {
      let isSpace = sets[Int(scalar)].contains(.whitespace)
      if isSpace || scalar == Self.wordMark { endWord(&words, to: &ids) }
      if isSpace { continue }
      if words.word.isEmpty && scalar != Self.wordMark { words.word.append(Self.wordMark) }
      words.word.append(scalar)
    }
    endWord(&words, to: &ids)
  }

  private func endWord(_ words: inout Words, to ids: inout [Int32]) {
    guard !words.word.isEmpty else { return }
    unigram.append(words.word, to: &ids, paths: &words.paths)
    words.word.removeAll(keepingCapacity: true)
  }

  /// Other classes also read a `sentencepiece.bpe.model`, but number its pieces in their own way.
  private static func checkClass(of configuration: JSONObject) throws(TokenizerError) {
    guard let name = try configuration.string("tokenizer_class") else { return }
    let supported = ["XLMRobertaTokenizer", "XLMRobertaTokenizerFast"]
    guard supported.contains(name) else {
      throw configuration.failure(
        """
        the tokenizer_class "\(name)" is not supported with a \(fileName), only \
        \(supported.joined(separator: " and "))
        """)
    }
  }

  /// The model's pieces with fairseq's ids; special tokens are as probable as can be, as in Hugging Face's: text that
  /// turns into one by its clean-up alone (U+FF1C s U+FF1E) is one.
  private static func vocabulary(
    _ model: SentencePieceModel, special: SpecialTokens, file: String
  ) throws(TokenizerError) -> (pieces: [String], scores: [Float]) {
    guard model.unknown == 0, model.symbols.starts(with: [1, 2]) else {
      throw TokenizerError(
        file: file,
        problem: """
          the first three pieces, "\(model.pieces.prefix(3).joined(separator: "\", \""))", are not <unk>, <s> and </s>, \
          as in every model of XLM-R's family; use the sentencepiece.bpe.model of such a model
          """)
    }
    let names = SpecialTokens.xlmRoberta
    let first = [\SpecialTokens.beginning, \.padding, \.end, \.unknown].map {
      special[keyPath: $0] ?? names[keyPath: $0]!
    }
    return (
      first + model.pieces[3...] + [special.mask ?? names.mask!],
      Array(repeating: 0, count: first.count) + model.scores[3...] + [0]
    )
  }

  /// What the folder's files add to the vocabulary, and the model's own symbols.
  private static func addedTokens(
    _ files: SpecialTokenFiles, _ model: SentencePieceModel, idInVocabulary: (String) -> Int32?
  ) throws(TokenizerError) -> [AddedToken] {
    var tokens = try files.addedTokens(idInVocabulary: idInVocabulary)
    for symbol in model.symbols {
      let content = model.pieces[symbol]
      guard let id = idInVocabulary(content), !tokens.contains(where: { $0.id == id }) else { continue }
      tokens.append(AddedToken(content: content, id: id))
    }
    return tokens
  }
}
