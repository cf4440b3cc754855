#if SENTENCEPIECE
  import CSentencePiece
#endif

/// Whether the program was built with the SentencePiece library, which the tokenizer of XLM-R needs.
package var sentencePieceIsBuiltIn: Bool {
  #if SENTENCEPIECE
    true
  #else
    false
  #endif
}

/// What the file of a SentencePiece model says (`sentencepiece_model.proto`), of kind Unigram.
///
/// libsentencepiece reads and checks it. Its encoder is not used, for its ids are not always those of Hugging Face's
/// tokenizer, with which models are trained and used: see `CharacterMap` and `Unigram`.
struct SentencePieceModel {
  /// By SentencePiece's ids.
  let pieces: [String]
  /// The logarithm of each piece's probability.
  let scores: [Float]
  /// The id of the piece that stands for all that is no piece.
  let unknown: Int?
  /// Ids of control symbols and of symbols that the model's maker defined: never a part of a word.
  let symbols: [Int]
  /// How characters are cleaned up (`precompiled_charsmap`); nil: not at all.
  let characterMap: CharacterMap?

  /// The model that `bytes` hold, the contents of `file`.
  init(file: String, bytes: [UInt8]) throws(TokenizerError) {
    (pieces, scores) = try Self.vocabulary(file: file, bytes: bytes)

    // A file cut short between two pieces is still a protobuf message, without what follows the pieces.
    guard let training = bytes[...].bytes(2), let normalization = bytes[...].bytes(3) else {
      throw TokenizerError(
        file: file,
        problem: "ends after \(pieces.count) pieces, without what should follow them; it was cut short: copy it again")
    }
    guard training.number(3) ?? 1 == 1 else {
      throw TokenizerError(
        file: file, problem: "this SentencePiece model is not of the kind Unigram, which XLM-R's tokenizer is")
    }
    let types = Self.types(of: bytes)
    unknown = types.firstIndex(of: 2)
    symbols = types.indices.filter { types[$0] == 3 || types[$0] == 4 }
    let map = normalization.bytes(2) ?? []
    characterMap = map.isEmpty ? nil : CharacterMap(map)
    guard map.isEmpty || characterMap != nil else {
      throw TokenizerError(
        file: file, problem: "its table of characters (precompiled_charsmap) is damaged; copy the file again")
    }
  }

  /// The type of each piece: 1 NORMAL, 2 UNKNOWN, 3 CONTROL, 4 USER_DEFINED, 5 UNUSED, 6 BYTE.
  private static func types(of bytes: [UInt8]) -> [UInt64] {
    var types: [UInt64] = []
    for case (1, .bytes(let piece)) in ProtobufFields(bytes[...]) { types.append(piece.number(3) ?? 1) }
    return types
  }

  #if SENTENCEPIECE
    private static func vocabulary(
      file: String, bytes: [UInt8]
    ) throws(TokenizerError) -> (pieces: [String], scores: [Float]) {
      let damaged = { (reason: String) in
        TokenizerError(
          file: file,
          problem: """
            not a SentencePiece model that can be used; was it damaged or cut short on its way? Copy it again from the \
            model the folder was made from (\(reason))
            """)
      }
      var problem = [CChar](repeating: 0, count: 256)
      let model = unsafe bytes.withUnsafeBytes { bytes in
        unsafe csentencepiece_read(bytes.baseAddress, bytes.count, &problem, problem.count)
      }
      guard let model = unsafe model else {
        let reason = problem.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        throw damaged("libsentencepiece: \(String(decoding: reason, as: UTF8.self))")
      }
      defer { unsafe csentencepiece_free(model) }

      var pieces: [String] = []
      var scores: [Float] = []
      for id in unsafe 0..<csentencepiece_count(model) {
        var count = 0
        let text = unsafe csentencepiece_text(model, id, &count)
        let utf8 = unsafe UnsafeRawBufferPointer(start: text, count: count)
        guard let piece = unsafe String(validating: utf8, as: UTF8.self) else {
          throw damaged("piece \(id) is not UTF-8")
        }
        let score = unsafe csentencepiece_score(model, id)
        guard score.isFinite else { throw damaged("piece \(id), \"\(piece)\", has the score \(score)") }
        pieces.append(piece)
        scores.append(score)
      }
      return (pieces, scores)
    }
  #else
    private static func vocabulary(
      file: String, bytes: [UInt8]
    ) throws(TokenizerError) -> (pieces: [String], scores: [Float]) {
      throw TokenizerError(
        file: file,
        problem: """
          reading it needs the SentencePiece library, which was not there when this program was built; install \
          libsentencepiece-dev and build again with `swift build -c release --manifest-cache none`
          """)
    }
  #endif
}
