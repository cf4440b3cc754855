/// Texts → the token sequences that a model wants, by its folder's conventions.
package struct InputTokenizer: Sendable {
  package let tokenizer: any Tokenizer
  package let conventions: InputConventions

  /// `conventions` must leave room for text (`InputConventions.limited` sees to it), and may expand queries only if
  /// the tokenizer has a mask.
  package init(tokenizer: any Tokenizer, conventions: InputConventions) {
    for role in TextRole.allCases {
      precondition(
        conventions.room(of: role) > 0,
        "\(role) length \(conventions.maxLength(of: role)) leaves room for \(conventions.room(of: role)) tokens")
    }
    precondition(!conventions.expandsQueries || tokenizer.mask != nil, "query expansion without a mask token")
    self.tokenizer = tokenizer
    self.conventions = conventions
  }

  /// `[CLS] marker text… [SEP]`, the text cut to fit, and for queries the expansion.
  ///
  /// A text without tokens still gives the tokens around it.
  package func tokenize(_ text: String, as role: TextRole) -> TokenizedText {
    let textIDs = tokenizer.ids(of: conventions.prompt(of: role) + (conventions.trimsText ? trimmed(text) : text))
    let kept = textIDs.prefix(conventions.room(of: role))
    var ids = [tokenizer.classification]
    ids.reserveCapacity(conventions.maxLength(of: role))
    if let marker = conventions.marker(of: role) { ids.append(marker) }
    ids += kept
    ids.append(tokenizer.separator)
    var keyCount = ids.count
    if role == .query, conventions.expandsQueries, let mask = tokenizer.mask {
      ids += repeatElement(mask, count: conventions.queryMaxLength - ids.count)
      if conventions.attendsToExpansion { keyCount = ids.count }
    }
    return TokenizedText(
      ids: ids, keyCount: keyCount, givesVector: vectorTokens(of: ids, as: role), textTokenCount: kept.count,
      isTruncated: kept.count < textIDs.count)
  }

  private func vectorTokens(of ids: [Int32], as role: TextRole) -> [Bool] {
    let skipList = conventions.skipList(of: role)
    var givesVector =
      skipList.isEmpty ? Array(repeating: true, count: ids.count) : ids.map { !skipList.contains($0) }
    if conventions.dropsFirstToken { givesVector[0] = false }
    return givesVector
  }

  /// As Python's `str.strip`.
  private func trimmed(_ text: String) -> String {
    let isSpace = { (scalar: Unicode.Scalar) in scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value) }
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !isSpace($0) }), let last = scalars.lastIndex(where: { !isSpace($0) })
    else { return "" }
    return String(scalars[first...last])
  }
}

/// A text as a model reads it.
package struct TokenizedText: Sendable, Equatable {
  /// All tokens, special ones, marker and expansion too.
  package var ids: [Int32]
  /// The first `keyCount` tokens are attended to; the others, an expansion, only ask.
  package var keyCount: Int
  /// Which tokens give a vector that counts in MaxSim.
  package var givesVector: [Bool]
  /// How many of `ids` are the text's own, its prompt included.
  package var textTokenCount: Int
  /// Whether the text had more tokens than fit.
  package var isTruncated: Bool

  package init(ids: [Int32], keyCount: Int, givesVector: [Bool], textTokenCount: Int, isTruncated: Bool) {
    self.ids = ids
    self.keyCount = keyCount
    self.givesVector = givesVector
    self.textTokenCount = textTokenCount
    self.isTruncated = isTruncated
  }
}
