/// How a model wants its queries and documents: what is put around a text's tokens, and which tokens give vectors.
package struct InputConventions: Sendable, Equatable {
  /// Text put before every query, read with it; empty: none.
  package var queryPrompt: String
  package var documentPrompt: String

  /// Put after the first token of a query; nil: no marker.
  package var queryMarker: Int32?
  package var documentMarker: Int32?

  /// The most tokens of a query: special ones, marker and expansion too.
  package var queryMaxLength: Int
  package var documentMaxLength: Int

  /// Queries are filled with `[MASK]` to `queryMaxLength`.
  package var expandsQueries: Bool
  /// The tokens of an expansion are keys for the others; else they only ask.
  package var attendsToExpansion: Bool

  /// Ids that give no vector in a document: punctuation, usually.
  package var skipList: Set<Int32>
  /// Ids that give no vector in a query.
  package var querySkipList: Set<Int32>
  /// The first token gives no vector (BGE-M3).
  package var dropsFirstToken: Bool
  /// Whitespace at a text's ends is cut off first (Sentence Transformers); it matters to added tokens with spaces.
  package var trimsText: Bool

  package init(
    queryPrompt: String = "", documentPrompt: String = "", queryMarker: Int32? = nil, documentMarker: Int32? = nil,
    queryMaxLength: Int = 32, documentMaxLength: Int = 180, expandsQueries: Bool = false,
    attendsToExpansion: Bool = false, skipList: Set<Int32> = [], querySkipList: Set<Int32> = [],
    dropsFirstToken: Bool = false, trimsText: Bool = false
  ) {
    self.queryPrompt = queryPrompt
    self.documentPrompt = documentPrompt
    self.queryMarker = queryMarker
    self.documentMarker = documentMarker
    self.queryMaxLength = queryMaxLength
    self.documentMaxLength = documentMaxLength
    self.expandsQueries = expandsQueries
    self.attendsToExpansion = attendsToExpansion
    self.skipList = skipList
    self.querySkipList = querySkipList
    self.dropsFirstToken = dropsFirstToken
    self.trimsText = trimsText
  }

  /// The most tokens of a text in its role.
  package func maxLength(of role: TextRole) -> Int {
    switch role {
    case .query: queryMaxLength
    case .document: documentMaxLength
    }
  }

  package func marker(of role: TextRole) -> Int32? {
    switch role {
    case .query: queryMarker
    case .document: documentMarker
    }
  }

  /// The markers there are.
  package var markers: [Int32] { [queryMarker, documentMarker].compactMap { $0 } }

  package func prompt(of role: TextRole) -> String {
    switch role {
    case .query: queryPrompt
    case .document: documentPrompt
    }
  }

  /// Ids that give no vector in a text of this role.
  package func skipList(of role: TextRole) -> Set<Int32> {
    switch role {
    case .query: querySkipList
    case .document: skipList
    }
  }

  /// How many tokens of the text itself, its prompt included, an input holds.
  package func room(of role: TextRole) -> Int { maxLength(of: role) - 2 - (marker(of: role) == nil ? 0 : 1) }

  /// These conventions with other lengths (nil: as they are), none longer than the model's `maxPositions`.
  ///
  /// Fails where a length leaves no room for a single token of the text; `folder` is named in the error. `notices` say
  /// what was cut.
  package func limited(
    queryMaxLength: Int? = nil, documentMaxLength: Int? = nil, maxPositions: Int, folder: String
  ) throws(TokenizerError) -> (conventions: InputConventions, notices: [String]) {
    var limited = self
    limited.queryMaxLength = min(queryMaxLength ?? self.queryMaxLength, maxPositions)
    limited.documentMaxLength = min(documentMaxLength ?? self.documentMaxLength, maxPositions)
    var notices: [String] = []
    for (role, asked) in [
      (TextRole.query, queryMaxLength ?? self.queryMaxLength),
      (.document, documentMaxLength ?? self.documentMaxLength),
    ] {
      if asked > maxPositions {
        notices.append("\(role) length \(asked) is cut to \(maxPositions), the positions that the model has")
      }
      guard limited.room(of: role) > 0 else {
        let needed = limited.maxLength(of: role) - limited.room(of: role) + 1
        throw TokenizerError(
          file: folder,
          problem: """
            a \(role) length of \(limited.maxLength(of: role)) tokens has no room for text; it must be \(needed) or \
            more: special tokens\(limited.marker(of: role) == nil ? "" : " and the marker") count too
            """)
      }
    }
    return (limited, notices)
  }
}

/// What a text is to the model.
package enum TextRole: String, Sendable, CaseIterable {
  case query, document
}
