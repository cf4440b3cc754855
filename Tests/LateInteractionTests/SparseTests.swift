import LateInteraction
import TestSupport
import Tensors
import Testing

@Suite struct SparseScoresTests {
  @Test(arguments: [1, 3], [([4, 0, 9], [7, 1, 0, 30]), ([1], [1]), ([], [3]), ([12, 5], [2_000, 3])])
  func agreesWithVocabularyWideVectors(threads: Int, shape: (queries: [Int], documents: [Int])) {
    let (queries, documents) = (SparseExample(shape.queries, seed: 1), SparseExample(shape.documents, seed: 2))
    let scores = TestMatrix(zeros: queries.count, documents.count)
    sparseScores(queries.vectors, documents.vectors, into: scores.matrix, on: ThreadPool(threadCount: threads))
    let expected = naiveSparseScores(queries, queries.weights.doubles, documents, documents.weights.doubles)
    for (ours, theirs) in zip(scores.values, expected) { #expect(ours == Float(theirs)) }
  }

  /// A score is its two texts' affair.
  @Test func doesNotDependOnTheOtherTexts() {
    let (queries, documents) = (SparseExample([4, 6, 9], seed: 1), SparseExample([7, 1, 0, 30], seed: 2))
    let pool = ThreadPool(threadCount: 1)
    let scores = TestMatrix(zeros: 3, 4)
    sparseScores(queries.vectors, documents.vectors, into: scores.matrix, on: pool)
    for query in 0..<3 {
      for document in 0..<4 {
        let alone = TestMatrix(zeros: 1, 1)
        let texts = [(queries, query), (documents, document)].map { example, text in
          EncodedTexts(vectors: example.vectors.weights, sparse: example.vectors).texts(text..<text + 1).sparse!
        }
        sparseScores(texts[0], texts[1], into: alone.matrix, on: pool)
        #expect(bits(alone.values) == bits([scores.matrix[query, document]]))
      }
    }
  }

  @Test func backwardIsTheSlope() {
    let (queries, documents) = (SparseExample([4, 0, 9], seed: 1), SparseExample([7, 1, 0, 30], seed: 2))
    var numbers = TestNumbers(seed: 3)
    let upstream = TestMatrix(rows: 3, columns: 4, &numbers)
    let (q, d) = (queries.weights.doubles, documents.weights.doubles)
    // Both are added to what is there.
    let (byQueries, byDocuments) = (TestMatrix(zeros: q.count, 1), TestMatrix(zeros: d.count, 1))
    byQueries.matrix.assign(q.map { _ in 1 })
    byDocuments.matrix.assign(d.map { _ in 2 })
    sparseScoresBackward(
      upstream.matrix, queries.vectors, documents.vectors, into: byQueries.matrix, byDocuments.matrix)
    let slopes = (
      pullback(upstream.doubles, at: q) { naiveSparseScores(queries, $0, documents, d) },
      pullback(upstream.doubles, at: d) { naiveSparseScores(queries, q, documents, $0) }
    )
    #expect(largestDifference(byQueries.values, slopes.0.map { 1 + $0 }) < 1e-6)
    #expect(largestDifference(byDocuments.values, slopes.1.map { 2 + $0 }) < 1e-6)
  }
}

@Suite struct SparseHeadTests {
  static let unweighted: Set<Int32> = [0, 1, 2, 3]

  @Test func keepsTheHeaviestTokenOfEachID() {
    let example = SparseHeadExample()
    // One number a token: ⟨w, h⟩ + b is twice that, plus a half.
    let texts: [(ids: [Int32], hidden: [Float])] = [
      ([0, 9, 5, 9, 2], [5, 0.25, 0.5, 1, 5]),
      // The first of equals; a weight of zero and one below; unknown tokens.
      ([0, 7, 7, 8, 6, 3, 2], [5, 1, 1, -0.25, -1, 5, 5]),
      ([0, 2], [1, 1]),
    ]
    let sparse = example.forward(texts)
    defer { withExtendedLifetime(example) {} }
    #expect(sparse.ids == [5, 9, 7])
    #expect(sparse.weights.rows.values == [1.5, 2.5, 2.5])
    #expect(sparse.weights.starts == [0, 2, 3, 3])

    let (upstream, hidden) = (TestMatrix([1, 10, 100], rows: 3, columns: 1), TestMatrix(zeros: 14, 1))
    example.head.backward(upstream.matrix, into: hidden.matrix)
    #expect(hidden.values == [0, 0, 2, 20, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0])
    #expect(example.gradient == [0.5 + 10 + 100, 111])
  }

  @Test func whatIsNoNumberStays() {
    let example = SparseHeadExample()
    let sparse = example.forward([([0, 9, 9, 5, 9, 2], [1, 1, .nan, 1, 2, 1])])
    #expect(sparse.ids == [5, 9])
    #expect(withExtendedLifetime(example) { sparse.weights.rows[1, 0].isNaN })
  }
}

/// A head whose hidden states are single numbers: weight 2, bias 0.5.
private final class SparseHeadExample {
  let head: SparseHead
  private let parameters: Parameters
  private var kept: TestMatrix?

  init() {
    let encoder = EncoderConfiguration(
      family: .xlmRoberta, width: 1, layerCount: 0, headCount: 1, intermediateWidth: 1, vocabularySize: 10,
      maximumPositions: 10, typeCount: 1, epsilon: 1e-5, paddingID: 1, hiddenDropout: 0, attentionDropout: 0)
    let layout = ParameterLayout(
      encoder: encoder, head: HeadShape(name: "colbert_linear", width: 1, dimension: 1, hasBias: true),
      hasSparseHead: true, training: .all)
    parameters = Parameters(layout: layout, frozen: [:], owner: nil)
    parameters.value("sparse_linear.weight").assign([2])
    parameters.value("sparse_linear.bias").assign([0.5])
    parameters.allocateGradients()
    head = SparseHead(parameters, unweighted: SparseHeadTests.unweighted, on: ThreadPool(threadCount: 1))
  }

  func forward(_ texts: [(ids: [Int32], hidden: [Float])]) -> SparseVectors {
    var batch = TokenBatch()
    for (i, text) in texts.enumerated() {
      batch.append(
        text.ids, keyCount: text.ids.count, givesVector: text.ids.map { _ in true }, place: Place(slot: i, text: 0))
    }
    let hidden = texts.flatMap(\.hidden)
    kept = TestMatrix(hidden, rows: hidden.count, columns: 1)
    return head.forward(kept!.matrix, batch)
  }

  /// Of the weight and of the bias.
  var gradient: [Float] {
    let arena = Arena()
    return withExtendedLifetime(arena) {
      ["weight", "bias"].flatMap { parameters.gradient("sparse_linear.\($0)", in: arena)!.values }
    }
  }
}

/// Random sparse vectors with these numbers of ids, of a vocabulary in which many are shared.
private final class SparseExample {
  static let vocabulary = 4_000
  let weights: TestMatrix
  let vectors: SparseVectors
  var count: Int { vectors.count }

  init(_ lengths: [Int], seed: UInt64) {
    var numbers = TestNumbers(seed: seed)
    let starts = lengths.reduce(into: [0]) { $0.append($0.last! + $1) }
    let ids = lengths.flatMap { length -> [Int32] in
      // Half of them from a few frequent ids.
      var chosen: Set<Int32> = []
      while chosen.count < length {
        chosen.insert(Int32(numbers.integer(below: chosen.count < min(20, length / 2) ? 30 : Self.vocabulary)))
      }
      return chosen.sorted()
    }
    weights = TestMatrix(numbers.floats(ids.count).map { abs($0) + 0.01 }, rows: ids.count, columns: 1)
    vectors = SparseVectors(ids: ids, weights: TextVectors(rows: weights.matrix, starts: starts))
  }
}

/// Products of vectors as wide as the vocabulary, with these weights.
private func naiveSparseScores(
  _ queries: SparseExample, _ queryWeights: [Double], _ documents: SparseExample, _ documentWeights: [Double]
) -> [Double] {
  func wide(_ example: SparseExample, _ weights: [Double], _ text: Int) -> [Double] {
    var vector = [Double](repeating: 0, count: SparseExample.vocabulary)
    let starts = example.vectors.weights.starts
    for entry in starts[text]..<starts[text + 1] { vector[Int(example.vectors.ids[entry])] = weights[entry] }
    return vector
  }
  let documentVectors = (0..<documents.count).map { wide(documents, documentWeights, $0) }
  return (0..<queries.count).flatMap { query in
    let vector = wide(queries, queryWeights, query)
    return documentVectors.map { zip(vector, $0).map(*).reduce(0, +) }
  }
}
