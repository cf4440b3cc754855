import LateInteraction
import TestSupport
import Tensors
import Testing

/// The lengths in tokens of a call's queries and documents.
struct MaxSimShape: Sendable, CustomTestStringConvertible {
  let name: String
  let queries: [Int]
  let documents: [Int]
  let dimension: Int

  var testDescription: String { name }

  /// On both sides of 256 query tokens and 1,024 document tokens, alone and together.
  static let all = [
    MaxSimShape(name: "one token each", queries: [1], documents: [1], dimension: 8),
    MaxSimShape(name: "longer than a tile", queries: [300], documents: [2_500], dimension: 16),
    MaxSimShape(
      name: "tiles filled exactly and by one more", queries: [128, 128, 1, 255, 256, 257],
      documents: [512, 512, 1_024, 1, 1_023, 1_025], dimension: 4),
    MaxSimShape(
      name: "many small ones", queries: (0..<40).map { 1 + $0 * 7 % 20 }, documents: (0..<60).map { 1 + $0 * 11 % 90 },
      dimension: 32),
    MaxSimShape(name: "an odd dimension", queries: [5, 32, 9], documents: [180, 77, 1, 900], dimension: 13),
    MaxSimShape(name: "queries without vectors", queries: [0, 3, 0, 2, 0], documents: [4, 1], dimension: 8),
    MaxSimShape(name: "no query", queries: [], documents: [4, 1], dimension: 8),
  ]
}

@Suite struct MaxSimTests {
  @Test(arguments: MaxSimShape.all)
  func agreesWithTheTwin(shape: MaxSimShape) {
    let queries = VectorExample(lengths: shape.queries, dimension: shape.dimension, seed: 1)
    let documents = VectorExample(lengths: shape.documents, dimension: shape.dimension, seed: 2)
    let (q, d) = (queries.twin, documents.twin)
    let maxima = naiveMaxima(q, d)
    for reduction in [ScoreReduction.sum, .mean] {
      let outcome = MaxSimOutcome(queries, documents, reduction: reduction)
      let expected = naiveScores(maxima, q, documentCount: d.count, mean: reduction == .mean)
      #expect(worstError(outcome.values, expected) < 2e-6)
      // A winner may differ from the twin's only where rounding decides.
      for (i, token) in outcome.winners.enumerated() where token != maxima[i].token {
        let (row, document) = (i / d.count, i % d.count)
        let similarity = naiveSimilarity(q, row, d, d.starts[document] + token)
        #expect(similarity > maxima[i].value - 1e-6, "query token \(row), document \(document)")
      }
      for threads in [2, 3] {
        #expect(MaxSimOutcome(queries, documents, reduction: reduction, threads: threads) == outcome)
      }
      // Without winners another loop finds the maximum.
      let plain = MaxSimOutcome(queries, documents, reduction: reduction, threads: 2, keepsWinners: false)
      #expect(plain.scores == outcome.scores && plain.winners.isEmpty)
    }
  }

  /// The law of cuts: a score and its winners are the same bits in any company and any order.
  @Test(arguments: [7, 13, 16, 24, 32, 96, 128, 256])
  func bitsDependNeitherOnOtherQueriesNorOnOtherDocuments(dimension: Int) {
    let queries = VectorExample(
      lengths: [32, 1, 7, 32, 300, 12, 5, 32, 64, 19], dimension: dimension, seed: 3)
    let documents = VectorExample(
      lengths: [180, 1, 2, 33, 1_024, 1_030, 77, 180, 3, 500, 64, 9], dimension: dimension, seed: 4)
    let whole = MaxSimOutcome(queries, documents, threads: 2)
    var numbers = TestNumbers(seed: 5)
    var cuts = [([4], [5]), ([1], [1]), ([6], [2]), ([0, 3, 7], Array(0..<12)), (Array(0..<10), [8])]
    for _ in 0..<10 {
      cuts.append((choice(1 + numbers.integer(below: 9), of: 10, &numbers), choice(5, of: 12, &numbers)))
    }
    for (some, others) in cuts {
      let part = MaxSimOutcome(queries.only(some), documents.only(others))
      var row = 0
      for (i, query) in some.enumerated() {
        let scores = others.map { whole.scores[query * documents.count + $0] }
        #expect(Array(part.scores[i * others.count..<(i + 1) * others.count]) == scores, "\(some) × \(others)")
        for token in queries.tokens(query) {
          let winners = others.map { whole.winners[token * documents.count + $0] }
          #expect(Array(part.winners[row * others.count..<(row + 1) * others.count]) == winners)
          row += 1
        }
      }
    }
  }

  @Test func onlyNegativeSimilaritiesGiveANegativeScore() {
    let queries = VectorExample(lengths: [3], dimension: 4, seed: 1)
    let documents = VectorExample(lengths: [20, 1, 1_100], dimension: 4, seed: 2)
    for row in 0..<3 { queries.set(row, [1, 0, 0, 0]) }
    for row in 0..<1_121 {
      let vector = documents.vector(row)
      documents.set(row, [-abs(vector[0]) - 0.1] + vector[1...])
    }
    let outcome = MaxSimOutcome(queries, documents)
    for document in 0..<3 {
      let best = documents.tokens(document).map { documents.vector($0)[0] }.max()!
      #expect(abs(outcome.values[document] - 3 * best) < 1e-6)
      #expect(outcome.values[document] < 0)
    }
  }

  /// Equal vectors tie, within a tile and across tiles: the first one wins.
  @Test(arguments: [[0, 1], [5, 1_500, 2_400], [1_023, 1_024], [2_047, 2_048, 2_499], [17, 33]])
  func theFirstOfEqualTokensWins(places: [Int]) {
    let queries = VectorExample(lengths: [2, 300], dimension: 16, seed: 1)
    let documents = VectorExample(lengths: [40, 2_500, 7], dimension: 16, seed: 2)
    for row in 0..<302 { queries.set(row, queries.vector(0)) }
    for place in places { documents.set(40 + place, queries.vector(0)) }
    let outcome = MaxSimOutcome(queries, documents)
    #expect((0..<302).map { outcome.winners[$0 * 3 + 1] } == [Int](repeating: places[0], count: 302))
  }

  /// Winners beyond 16 bits, and the longest document that still has 16.
  @Test(arguments: [65_535, 65_536, 65_537, 70_001])
  func winnersOfVeryLongDocuments(length: Int) {
    let queries = VectorExample(lengths: [2, 3], dimension: 4, seed: 1)
    let documents = VectorExample(lengths: [3, length], dimension: 4, seed: 2)
    // The last token wins for every query, twice as long as any other.
    for row in 0..<5 { queries.set(row, [0.5, 0.5, 0.5, 0.5]) }
    documents.set(documents.starts[2] - 1, [1, 1, 1, 1])
    let outcome = MaxSimOutcome(queries, documents, threads: 2)
    #expect((0..<5).map { outcome.winners[$0 * 2 + 1] } == [Int](repeating: length - 1, count: 5))
    #expect(outcome.values[1] == 4 && outcome.values[3] == 6)
  }

  private func choice(_ count: Int, of bound: Int, _ numbers: inout TestNumbers) -> [Int] {
    var rest = Array(0..<bound)
    return (0..<count).map { _ in rest.remove(at: numbers.integer(below: rest.count)) }
  }
}
