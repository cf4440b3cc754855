import TestSupport
import Testing

@testable import Tensors

@Suite struct RowsTests {
  /// Around a thread's 64 rows.
  static let shapes = [(1, 1), (2, 5), (63, 3), (64, 8), (65, 17), (129, 4)]

  @Test(arguments: shapes)
  func addsCopiesAndClears(rows: Int, columns: Int) {
    var numbers = TestNumbers(seed: 1)
    let addend = TestMatrix(rows: rows, columns: columns, &numbers)
    let sum = TestMatrix(rows: rows, columns: columns, &numbers)
    let expected = zip(addend.values, sum.values).map { $0 + $1 }
    add(addend.matrix, to: sum.matrix, on: ThreadPool(threadCount: 3))
    #expect(sum.values == expected)
    copy(addend.matrix, to: sum.matrix)
    #expect(sum.values == addend.values)
    clear(sum.matrix)
    #expect(sum.values == [Float](repeating: 0, count: rows * columns))
  }

  /// ⟨gather x, y⟩ = ⟨x, scatter y⟩, with numbers that add up exactly.
  @Test(arguments: [[], [0], [6], [1, 2, 5], [5, 0, 3], [0, 1, 2, 3, 4, 5, 6]])
  func scatterIsTheAdjointOfGather(rows: [Int]) {
    var numbers = TestNumbers(seed: 2)
    let x = TestMatrix((0..<21).map { _ in Float(numbers.integer(below: 100)) }, rows: 7, columns: 3)
    let y = TestMatrix(
      (0..<rows.count * 3).map { _ in Float(numbers.integer(below: 100)) }, rows: rows.count, columns: 3)
    let gathered = TestMatrix(zeros: rows.count, 3)
    let scattered = TestMatrix(rows: 7, columns: 3, &numbers)
    gatherRows(x.matrix, rows, into: gathered.matrix)
    scatterRows(y.matrix, rows, into: scattered.matrix)
    let expected = rows.flatMap { x.matrix.rows($0..<$0 + 1).values }
    #expect(gathered.values == expected)
    #expect(dot(gathered.values, y.values) == dot(x.values, scattered.values))
    for row in 0..<7 where !rows.contains(row) { #expect(scattered.row(row) == [0, 0, 0]) }
  }

  @Test func addsRowsAtTheirPlaces() {
    let sum = TestMatrix([1, 2, 3, 4, 5, 6], rows: 3, columns: 2)
    let added = TestMatrix([10, 20, 30, 40, 50, 60], rows: 3, columns: 2)
    addRows(added.matrix, to: sum.matrix, at: [2, 0, 2])
    #expect(sum.values == [31, 42, 3, 4, 65, 86])
  }

  @Test(arguments: [(1, 1), (3, 5), (63, 8), (64, 7), (65, 16), (130, 33)])
  func normalizesAndPullsBack(rows: Int, columns: Int) {
    var numbers = TestNumbers(seed: UInt64(rows))
    let input = TestMatrix(rows: rows, columns: columns, &numbers)
    let upstream = TestMatrix(rows: rows, columns: columns, &numbers)
    let (normalized, gradient, lengths) = normalize(input, upstream, threads: 2)
    for row in 0..<rows {
      let length = input.row(row).map { $0 * $0 }.reduce(0, +).squareRoot()
      #expect(abs(Double(lengths[row]) - length) < 1e-6 * length)
      let here = row * columns..<(row + 1) * columns
      #expect(worstError(Array(normalized[here]), naiveNormalized(input.row(row))) < 5e-7)
      let expected = pullback(upstream.row(row), at: input.row(row), step: 1e-5 * length, through: naiveNormalized)
      // ‖∂‖ ≤ ‖upstream‖ / length: the projection cancels, so the error is relative to that bound.
      let bound = upstream.row(row).map { $0 * $0 }.reduce(0, +).squareRoot() / length
      #expect(largestDifference(Array(gradient[here]), expected) < 1e-6 * bound)
    }
    for threads in [1, 3] {
      let again = normalize(input, upstream, threads: threads)
      #expect(bits(again.0) == bits(normalized) && bits(again.1) == bits(gradient) && bits(again.2) == bits(lengths))
    }
  }

  /// As PyTorch's `normalize`: a row of zeros stays zero, and its gradient is the upstream over 1e-12.
  @Test func aZeroRowStaysZero() {
    let input = TestMatrix([0, 0, 0, 3, 0, 4], rows: 2, columns: 3)
    let upstream = TestMatrix([1, -2, 3, 0, 1, 0], rows: 2, columns: 3)
    let (normalized, gradient, lengths) = normalize(input, upstream, threads: 1)
    #expect(lengths == [1e-12, 5])
    #expect(Array(normalized[..<3]) == [0, 0, 0])
    #expect(worstError(Array(gradient[..<3]), [1e12, -2e12, 3e12]) < 1e-6)
    #expect(worstError(Array(gradient[3...]), [0, 0.2, 0]) < 1e-6)
  }

  /// Squares above 3.4e38 overflow in single precision, which would make zeros of these rows, and zeros of their gradients.
  @Test func longRowsGetLengthOne() {
    let largest = Float.greatestFiniteMagnitude
    let input = TestMatrix([3e19, 0, -4e19, largest, largest, -largest, 1e38, 1e-30, 0], rows: 3, columns: 3)
    let upstream = TestMatrix([1e30, 2e30, 0, 0, 0, 0, 0, 3e30, 0], rows: 3, columns: 3)
    let (normalized, gradient, lengths) = normalize(input, upstream, threads: 1)
    for row in 0..<3 {
      #expect(worstError(Array(normalized[3 * row..<3 * row + 3]), naiveNormalized(input.row(row))) < rounding(2))
    }
    // (dy − y ⟨y, dy⟩) / length; a length beyond single precision makes it zero, which it is to single precision.
    #expect(ulps(lengths[0], 5e19) <= 1 && Array(lengths[1...]) == [.infinity, 1e38])
    let expected = [1e30 * (1 - 0.36) / 5e19, 2e30 / 5e19, 1e30 * 0.48 / 5e19, 0, 0, 0, 0, 3e30 / 1e38, 0]
    for row in 0..<3 {
      let here = 3 * row..<3 * row + 3
      #expect(worstError(Array(gradient[here]), Array(expected[here])) < 1e-6)
    }
  }

  /// What is no number shows, where the loss or an evaluation stops at it.
  @Test(arguments: [Float.infinity, -.infinity, .nan]) func rowsThatAreNotFiniteShow(value: Float) {
    let (normalized, _, _) = normalize(
      TestMatrix([1, value, 2, 3, 0, 4], rows: 2, columns: 3), TestMatrix(zeros: 2, 3), threads: 1)
    #expect(normalized[1].isNaN)
    #expect(worstError(Array(normalized[3...]), [0.6, 0, 0.8]) < rounding(2))
  }

  @Test func scalesRows() {
    let rows = TestMatrix([1, 2, 3, 4, 5, 6], rows: 3, columns: 2)
    scaleRows(rows.matrix, by: [1, 0.5, -2])
    #expect(rows.values == [1, 2, 1.5, 2, -10, -12])
  }

  private func normalize(
    _ input: TestMatrix, _ upstream: TestMatrix, threads: Int
  ) -> (normalized: [Float], gradient: [Float], lengths: [Float]) {
    let pool = ThreadPool(threadCount: threads)
    let rows = TestMatrix(copying: input)
    let lengths = TestMatrix(zeros: input.matrix.rows, 1)
    let gradient = TestMatrix(copying: upstream)
    normalizeRows(rows.matrix, lengths: lengths.matrix, on: pool)
    normalizeRowsBackward(gradient.matrix, normalized: rows.matrix, lengths: lengths.matrix, on: pool)
    return (rows.values, gradient.values, lengths.values)
  }

  private func dot(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).map(*).reduce(0, +) }
}
