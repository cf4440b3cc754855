import LateInteraction
import TestSupport
import Tensors
import Testing

@Suite struct MaxSimBackwardTests {
  /// Against the formula, given the winners; both gradients add to what is there.
  @Test(arguments: MaxSimShape.all, [ScoreReduction.sum, .mean])
  func agreesWithTheFormula(shape: MaxSimShape, reduction: ScoreReduction) {
    let example = Example(shape, reduction)
    let runs = [1, 2, 3].map { example.run(threads: $0) }
    for run in runs { #expect(run.map(bits) == runs[0].map(bits)) }
    let expected = example.formula()
    #expect(worstError(runs[0][0], expected[0]) < 2e-6)
    #expect(worstError(runs[0][1], expected[1]) < 2e-6)
  }

  /// Against central differences of the twin, which finds its winners anew.
  @Test(arguments: [ScoreReduction.sum, .mean])
  func agreesWithCentralDifferences(reduction: ScoreReduction) {
    let shape = MaxSimShape(name: "small", queries: [3, 1, 4], documents: [5, 2, 9, 1], dimension: 6)
    let example = Example(shape, reduction)
    let results = example.run(threads: 1)
    let (q, d) = (example.queries.twin, example.documents.twin)
    let upstream = example.upstream.doubles
    func scores(_ q: NaiveTexts, _ d: NaiveTexts) -> [Double] {
      naiveScores(naiveMaxima(q, d), q, documentCount: d.count, mean: reduction == .mean)
    }
    func replacing(_ texts: NaiveTexts, _ rows: [Double]) -> NaiveTexts {
      var copy = texts
      copy.rows = rows
      return copy
    }
    let byQueries = pullback(upstream, at: q.rows) { scores(replacing(q, $0), d) }
    let byDocuments = pullback(upstream, at: d.rows) { scores(q, replacing(d, $0)) }
    #expect(worstError(results[0], zip(byQueries, example.queryStart.doubles).map(+)) < 2e-6)
    #expect(worstError(results[1], zip(byDocuments, example.documentStart.doubles).map(+)) < 2e-6)
  }

  @Test func reachesTheLastTokenOfAVeryLongDocument() {
    let example = Example(MaxSimShape(name: "wide", queries: [2], documents: [70_000], dimension: 4), .sum)
    for row in 0..<2 { example.queries.set(row, [0.5, 0.5, 0.5, 0.5]) }
    example.documents.set(69_999, [1, 1, 1, 1])
    let gradient = example.run(threads: 1)[1]
    let start = example.documentStart.values
    #expect(Array(gradient.dropLast(4)) == Array(start.dropLast(4)))
    let upstream = example.upstream.values[0]
    for (now, before) in zip(gradient.suffix(4), start.suffix(4)) { #expect(abs(now - before - upstream) < 1e-6) }
  }
}

/// A call with a random upstream, and gradients that are not zero before.
private final class Example {
  let queries: VectorExample
  let documents: VectorExample
  let upstream: TestMatrix
  let queryStart: TestMatrix
  let documentStart: TestMatrix
  let reduction: ScoreReduction

  init(_ shape: MaxSimShape, _ reduction: ScoreReduction) {
    var numbers = TestNumbers(seed: 6)
    queries = VectorExample(lengths: shape.queries, dimension: shape.dimension, seed: 1)
    documents = VectorExample(lengths: shape.documents, dimension: shape.dimension, seed: 2)
    upstream = TestMatrix(rows: queries.count, columns: documents.count, &numbers)
    queryStart = TestMatrix(rows: queries.starts.last!, columns: shape.dimension, &numbers)
    documentStart = TestMatrix(rows: documents.starts.last!, columns: shape.dimension, &numbers)
    self.reduction = reduction
  }

  /// The gradients of queries and documents.
  func run(threads: Int) -> [[Float]] {
    let pool = ThreadPool(threadCount: threads)
    let result = maxSim(queries.vectors, documents.vectors, reduction: reduction, keepsWinners: true, on: pool)
    let scratch = TestMatrix(copying: upstream)
    let (query, document) = (TestMatrix(copying: queryStart), TestMatrix(copying: documentStart))
    maxSimBackward(
      scratch.matrix, queries.vectors, documents.vectors, reduction: reduction, winners: result.winners!,
      into: query.matrix, document.matrix, on: pool)
    return [query.values, document.values]
  }

  /// ∂q = Σ over documents of upstream · winner, ∂winner = Σ over query tokens of upstream · q.
  func formula() -> [[Double]] {
    let winners = MaxSimOutcome(queries, documents).winners
    let (q, d, dimension) = (queries.twin, documents.twin, queries.dimension)
    var (byQueries, byDocuments) = (queryStart.doubles, documentStart.doubles)
    for query in 0..<q.count {
      for document in 0..<d.count {
        let share = reduction == .mean ? 1 / Double(max(1, q.tokens(query).count)) : 1
        let weight = upstream.doubles[query * d.count + document] * share
        for row in q.tokens(query) {
          let winner = d.starts[document] + winners[row * d.count + document]
          for i in 0..<dimension {
            byQueries[row * dimension + i] += weight * d.rows[winner * dimension + i]
            byDocuments[winner * dimension + i] += weight * q.rows[row * dimension + i]
          }
        }
      }
    }
    return [byQueries, byDocuments]
  }
}
