/// Text → token ids, whatever the vocabulary's kind.
package protocol Tokenizer: Sendable {
  /// How many ids there are, added tokens included: ids are `0 ..< vocabularySize`.
  var vocabularySize: Int { get }

  /// The first token of every input: `[CLS]`, `<s>`.
  var classification: Int32 { get }
  /// The last token of every input: `[SEP]`, `</s>`.
  var separator: Int32 { get }
  /// `[MASK]`, which query expansion repeats; nil if the vocabulary has none.
  var mask: Int32? { get }
  var padding: Int32 { get }
  /// What stands for text that the vocabulary cannot spell.
  var unknown: Int32 { get }

  /// The ids of a text alone, without `classification` and `separator`. Special tokens written in the text are special
  /// tokens, as in the Hugging Face tokenizers.
  func ids(of text: String) -> [Int32]

  /// The id of one whole token, scalar for scalar; nil if there is none.
  func id(of token: String) -> Int32?

  /// The token of an id, as the files spell it (`##ing`); nil if there is none.
  func token(of id: Int32) -> String?
}
