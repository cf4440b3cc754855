import LateInteraction
import TestSupport
import Tensors

/// A two-layer encoder with a head, its parameters the same random numbers whatever part is trained.
final class TinyModel {
  static let width = 24
  private static let vocabularySize = 30
  let model: ColBERTModel
  let parameters: Parameters

  init(
    training part: TrainedPart = .all, dropout: Float = 0, threads: Int = 1, reduction: ScoreReduction = .sum,
    headBias: Bool = true, perturbation: Perturbation? = nil
  ) {
    let encoder = EncoderConfiguration(
      family: .xlmRoberta, width: Self.width, layerCount: 2, headCount: 3, intermediateWidth: 40,
      vocabularySize: Self.vocabularySize, maximumPositions: 24, typeCount: 2, epsilon: 1e-5, paddingID: 1,
      hiddenDropout: dropout, attentionDropout: dropout)
    let head = HeadShape(name: "colbert_linear", width: Self.width, dimension: 8, hasBias: headBias)
    let layout = ParameterLayout(encoder: encoder, head: head, training: part)
    let values = Self.randomValues(layout, perturbation)
    let frozen = Frozen(layout, values)
    parameters = Parameters(layout: layout, frozen: frozen.matrices.mapValues(\.matrix), owner: frozen)
    for tensor in layout.trained { parameters.value(tensor.name).assign(values[tensor.name]!) }
    parameters.allocateGradients()
    parameters.wordGradients?.open(Array(0..<Int32(Self.vocabularySize)))
    model = ColBERTModel(
      encoder: encoder, head: head, reduction: reduction, unweighted: [], parameters: parameters,
      on: ThreadPool(threadCount: threads))
  }

  /// Weights small enough for a smooth loss, gains around 1.
  private static func randomValues(_ layout: ParameterLayout, _ perturbation: Perturbation?) -> [String: [Float]] {
    var numbers = TestNumbers(seed: 12)
    var signs = TestNumbers(seed: perturbation?.seed ?? 0)
    let size = perturbation?.size ?? 0
    return Dictionary(
      uniqueKeysWithValues: layout.tensors.map { tensor in
        let values = numbers.floats(tensor.count).map { $0 * 0.4 }
        let centred = tensor.name.hasSuffix("LayerNorm.weight") ? values.map { 1 + $0 } : values
        return (tensor.name, centred.map { $0 * (1 + (signs.integer(below: 2) == 0 ? size : -size)) })
      })
  }

  /// Every parameter a little larger or smaller, by random signs: by `size` of itself.
  struct Perturbation {
    let seed: UInt64
    let size: Float
  }

  /// Views of frozen tensors and what keeps them alive.
  private final class Frozen {
    let matrices: [String: TestMatrix]

    init(_ layout: ParameterLayout, _ values: [String: [Float]]) {
      matrices = Dictionary(
        uniqueKeysWithValues: layout.tensors.filter { !$0.isTrained }.map {
          ($0.name, TestMatrix(values[$0.name]!, rows: 1, columns: $0.count))
        })
    }
  }

  /// The gradients by name; nil for what is frozen.
  func gradient(_ name: String) -> [Float]? {
    let arena = Arena()
    return withExtendedLifetime(arena) { parameters.gradient(name, in: arena)?.values }
  }

  /// All gradients, in the order of the layout.
  var gradients: [Float] { parameters.layout.trained.flatMap { gradient($0.name)! } }

  /// All vectors of a batch.
  func vectors(_ texts: TinyTexts, moment: DropoutMoment? = nil, keepsActivations: Bool = false) -> [Float] {
    model.forward(texts.batch, moment: moment, keepsActivations: keepsActivations).vectors.rows.values
  }

  /// Adds the gradients of the contrastive loss of a batch, in one pass.
  ///
  /// - Returns: the tokens that won, `[query tokens × documents]`.
  @discardableResult
  func backward(_ texts: TinyTexts, moment: DropoutMoment? = nil) -> [Int] {
    let vectors = model.forward(texts.batch, moment: moment, keepsActivations: true).vectors
    let result = texts.score(vectors.rows, model)
    model.backward(texts.batch, upstream: EncodedTexts(vectors: vectors.with(result.upstream.matrix)))
    return result.winners
  }

  /// The same in two passes over chunks of `size` texts: encode, score, encode again and pull back.
  func backward(_ texts: TinyTexts, moment: DropoutMoment?, chunk size: Int) {
    let chunks = stride(from: 0, to: texts.count, by: size).map { Array($0..<min(texts.count, $0 + size)) }
    let vectors = chunks.flatMap { self.vectors(texts.only($0), moment: moment) }
    let all = TestMatrix(vectors, rows: texts.batch.vectorCount, columns: 8)
    let upstream = texts.score(all.matrix, model).upstream
    var row = 0
    for chunk in chunks {
      let part = texts.only(chunk).batch
      let vectors = model.forward(part, moment: moment, keepsActivations: true).vectors
      let gradient = upstream.matrix.rows(row..<row + part.vectorCount)
      model.backward(part, upstream: EncodedTexts(vectors: vectors.with(gradient)))
      row += part.vectorCount
    }
  }
}

/// Two queries with expansion and four documents of unequal length, the queries first.
struct TinyTexts {
  static let queryCount = 2
  /// Ids, the number of keys and the token without a vector. Id 29 is the mask of query expansion: nowhere else.
  private static let all: [(ids: [Int32], keys: Int, skipped: Int?)] = [
    ([3, 7, 8, 2, 29, 29], 4, 0),
    ([3, 9, 2, 29, 29, 29, 29, 29], 3, 0),
    ([3, 7, 8, 11, 12, 2], 6, 3),
    ([3, 2], 2, nil),
    ([3, 13, 9, 14, 15, 16, 17, 18, 19, 20, 9, 9, 13, 21, 22, 23, 24, 25, 26, 2], 20, 0),
    ([5], 1, nil),
  ]
  let batch: TokenBatch
  let count: Int

  init(_ texts: [Int] = Array(TinyTexts.all.indices)) { self.init(texts, changing: { _, ids in ids }) }

  /// With another text's ids.
  init(_ texts: [Int] = Array(TinyTexts.all.indices), changing change: (Int, [Int32]) -> [Int32]) {
    var batch = TokenBatch()
    for text in texts {
      let (ids, keys, skipped) = Self.all[text]
      let place =
        text < Self.queryCount
        ? Place(slot: 4 + text, text: 0) : Place(slot: 4 + (text - 2) / 2, text: 1 + (text - 2) % 2)
      batch.append(change(text, ids), keyCount: keys, givesVector: ids.indices.map { $0 != skipped }, place: place)
    }
    self.batch = batch
    count = texts.count
  }

  func only(_ texts: [Int]) -> TinyTexts { TinyTexts(texts) }

  private static let targets = [0, 2]
  private static let temperature: Float = 0.5

  /// ∂loss/∂vectors of all texts' vectors, and the winners.
  func score(_ vectors: Matrix, _ model: ColBERTModel) -> (upstream: TestMatrix, winners: [Int]) {
    let cut = batch.vectorStarts[Self.queryCount]
    let queries = TextVectors(rows: vectors.rows(0..<cut), starts: queryStarts)
    let documents = TextVectors(rows: vectors.rows(cut..<vectors.rows), starts: documentStarts)
    let result = maxSim(queries, documents, reduction: model.reduction, keepsWinners: true, on: model.pool)
    let winners = result.winners!
    _ = Objective(temperature: Double(Self.temperature)).losses(
      ScoreMatrices(colbert: result.scores), targets: Self.targets.map { QueryTarget(columns: $0..<$0 + 2) }, step: 0,
      globalQueryCount: Self.queryCount)
    let upstream = TestMatrix(zeros: vectors.rows, vectors.columns)
    maxSimBackward(
      result.scores, queries, documents, reduction: model.reduction, winners: winners,
      into: upstream.matrix.rows(0..<cut), upstream.matrix.rows(cut..<vectors.rows), on: model.pool)
    return (upstream, (0..<winners.rows).flatMap { row in (0..<winners.columns).map { winners[row, $0] } })
  }

  /// The contrastive loss of vectors when these tokens win MaxSim: smooth in the vectors, as the true loss is not.
  func loss(_ vectors: [Double], _ reduction: ScoreReduction, winners: [Int]) -> Double {
    let cut = batch.vectorStarts[Self.queryCount] * 8
    let queries = NaiveTexts(Array(vectors[..<cut]), starts: queryStarts, dimension: 8)
    let documents = NaiveTexts(Array(vectors[cut...]), starts: documentStarts, dimension: 8)
    let maxima = winners.enumerated().map { i, token in
      let document = i % documents.count
      let row = documents.starts[document] + token
      return (value: naiveSimilarity(queries, i / documents.count, documents, row), token: token)
    }
    return naiveContrastiveLoss(
      naiveScores(maxima, queries, documentCount: documents.count, mean: reduction == .mean), targets: Self.targets,
      temperature: Double(Self.temperature), globalQueryCount: Self.queryCount)
  }

  private var queryStarts: [Int] { Array(batch.vectorStarts[...Self.queryCount]) }

  private var documentStarts: [Int] {
    batch.vectorStarts[Self.queryCount...].map { $0 - batch.vectorStarts[Self.queryCount] }
  }

  /// The rows of `[vectors × 8]` that belong to a text.
  func rows(of text: Int) -> Range<Int> { batch.vectorStarts[text] * 8..<batch.vectorStarts[text + 1] * 8 }
}

extension TextVectors {
  /// Other rows for the same texts.
  fileprivate func with(_ rows: Matrix) -> TextVectors { TextVectors(rows: rows, starts: starts) }
}
