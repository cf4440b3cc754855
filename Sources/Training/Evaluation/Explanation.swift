package import Communication
import Foundation
import LateInteraction
import Logging
import Tensors
import Tokenizers

/// Why a model scores documents for a query as it does: the document token that each query token matched, and how much of
/// the score that is.
package struct Explanation: Codable, Sendable {
  /// The model's folder.
  package let model: String
  /// `sum` or `mean`: how contributions come from similarities.
  package let reduction: String
  package let query: Text
  package let documents: [Document]

  /// A text as the model reads it.
  package struct Text: Codable, Sendable {
    package let tokens: [Token]
    /// There was more of it than the model takes.
    package let isTruncated: Bool
    /// The places of the tokens that have a vector, in order: rows and columns of `similarities`.
    package var vectorPlaces: [Int] { tokens.indices.filter { tokens[$0].givesVector } }
  }

  package struct Token: Codable, Equatable, Sendable {
    /// As the vocabulary spells it: `##ing`, `▁chess`, `[MASK]`.
    package let text: String
    package let givesVector: Bool
    /// It is not the text's, but query expansion's.
    package let isExpansion: Bool
  }

  package struct Document: Codable, Sendable {
    package let text: Text
    /// What an evaluation ranks by, bit for bit.
    package let score: Float
    /// One for each query token with a vector, in order. The contributions add up to the score, but for rounding.
    package let matches: [Match]
    /// Of query tokens (rows) and document tokens (columns) that have vectors.
    package let similarities: [[Float]]
  }

  package struct Match: Codable, Sendable {
    /// Places among the tokens of the query and of the document.
    package let queryToken: Int
    package let documentToken: Int
    package let similarity: Float
    package let contribution: Float
  }
}

/// Scores `documents` for `query` by the code of evaluations, and keeps what they throw away.
///
/// Collective: every rank calls it, and gets the same.
/// - Parameter dimension: of a new head where the folder has none, from the seed that a run has if it names no other.
package func explain(
  model path: String, dimension: Int?, precision: Configuration.Precision, query: String, documents: [String],
  communicator: any Communicator, console: Console
) throws -> Explanation {
  let precision = try communicator.agreedPrecision(precision, console: console)
  let model = try communicator.together("loading the model") {
    var settings = ModelSettings(path: path, precision: precision)
    if try dimension != nil && ModelFolder(path).head == nil { settings.dimension = dimension }
    return try LoadedModel(settings.forEvaluation, trains: false, on: ThreadPool.forRank())
  }
  try communicator.requireSameFiles(model.folder.files)
  for notice in model.notices { console.logger.info("\(notice)") }
  if model.hasNewHead { console.logger.warning("\(path) has no ColBERT head: this explains a random one") }

  func encoded(_ texts: [String], as role: TextRole) throws -> CollectedVectors {
    try CollectedVectors(
      texts.count, TextVectorizer(model: model, role: role), communicator: communicator, text: { texts[$0] },
      location: { texts.count == 1 ? "the \(role)" : "\(role) \($0 + 1)" })
  }
  let queryVectors = try encoded([query], as: .query)
  let documentVectors = try encoded(documents, as: .document)
  return withExtendedLifetime((queryVectors, documentVectors)) {
    Explanation(model, (query, queryVectors.vectors), zip(documents, documentVectors.vectors.each))
  }
}

extension Explanation {
  fileprivate init(
    _ model: LoadedModel, _ query: (text: String, vectors: TextVectors),
    _ documents: some Sequence<(String, TextVectors)>
  ) {
    self.model = model.folder.path
    reduction = model.model.reduction.rawValue
    let queryText = Text(query.text, .query, model.input)
    self.query = queryText
    self.documents = documents.map {
      Document(Text($0, .document, model.input), queryText, query.vectors, $1, model.model)
    }
  }
}

extension Explanation.Text {
  fileprivate init(_ text: String, _ role: TextRole, _ input: InputTokenizer) {
    let read = input.tokenize(text, as: role)
    let ownCount = read.textTokenCount + (input.conventions.marker(of: role) == nil ? 2 : 3)
    isTruncated = read.isTruncated
    tokens = read.ids.enumerated().map { place, id in
      Explanation.Token(
        text: input.tokenizer.token(of: id) ?? "\(id)", givesVector: read.givesVector[place],
        isExpansion: place >= ownCount)
    }
  }
}

extension Explanation.Document {
  fileprivate init(
    _ text: Explanation.Text, _ query: Explanation.Text, _ queryVectors: TextVectors, _ vectors: TextVectors,
    _ model: ColBERTModel
  ) {
    let result = maxSim(queryVectors, vectors, reduction: model.reduction, keepsWinners: true, on: model.pool)
    // Each token a text of its own: the same product, and nothing to add up or to choose from.
    let pairs = maxSim(
      queryVectors.tokens, vectors.tokens, reduction: .sum, keepsWinners: false, on: model.pool)
    let factor: Float = model.reduction == .mean ? 1 / Float(queryVectors.rows.rows) : 1
    let (queryPlaces, places) = (query.vectorPlaces, text.vectorPlaces)
    let similarities = queryPlaces.indices.map { pairs.scores.rows($0..<$0 + 1).values }
    self.text = text
    self.similarities = similarities
    score = result.scores[0, 0]
    matches = queryPlaces.indices.map { row in
      let winner = result.winners![row, 0]
      return Explanation.Match(
        queryToken: queryPlaces[row], documentToken: places[winner], similarity: similarities[row][winner],
        contribution: similarities[row][winner] * factor)
    }
  }
}

extension TextVectors {
  /// Each text by itself.
  fileprivate var each: [TextVectors] { (0..<count).map { texts($0..<$0 + 1) } }

  /// Each vector as a text.
  fileprivate var tokens: TextVectors { TextVectors(rows: rows, starts: Array(0...rows.rows)) }
}
