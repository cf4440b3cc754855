import TestSupport
import Testing

@testable import Tensors

/// Where the processor has no bfloat16 instructions oneDNN emulates them: slow, and the same formulas.
@Suite(.enabled(if: BFloat16Products.obstacle == nil)) struct BFloat16ProductsTests {
  /// A matrix of bfloat16 numbers, and their values.
  private struct Rounded {
    let arena = Arena()
    let matrix: BFloat16Matrix
    let values: [Float]

    init(rows: Int, columns: Int, _ numbers: inout TestNumbers) {
      let floats = TestMatrix(rows: rows, columns: columns, &numbers)
      matrix = arena.bfloat16Matrix(rows: rows, columns: columns)
      let pool = ThreadPool(threadCount: 2)
      roundToBFloat16(floats.matrix, into: matrix, on: pool)
      roundToBFloat16(floats.matrix, on: pool)
      values = floats.values
    }

    var halves: [UInt16] { Array(UnsafeBufferPointer(start: matrix.base, count: matrix.count)) }
  }

  @Test func roundsAsInPlace() {
    var numbers = TestNumbers(seed: 3)
    let rounded = Rounded(rows: 37, columns: 19, &numbers)
    #expect(rounded.halves.map { Float(bitPattern: UInt32($0) << 16) } == rounded.values)
    let specials = TestMatrix(
      [.nan, .infinity, -.infinity, .greatestFiniteMagnitude, -0.0, .leastNonzeroMagnitude], rows: 2, columns: 3)
    let halves = rounded.matrix.first(rows: 2, columns: 3)
    roundToBFloat16(specials.matrix, into: halves, on: ThreadPool(threadCount: 1))
    let back = (0..<6).map { Float(bitPattern: UInt32(halves.base[$0]) << 16) }
    #expect(back[0].isNaN && back[1...3] == [.infinity, -.infinity, .infinity] && back[4].sign == .minus)
  }

  /// Products of bfloat16 numbers are exact in float32, so that only the sums round: the bounds are float32's.
  @Test(arguments: ProductsTests.shapes, [1, 2, 3])
  func agreesWithTheNaiveProduct(shape: (Int, Int, Int), threads: Int) {
    let (rows, columns, depth) = shape
    var numbers = TestNumbers(seed: UInt64(rows))
    let pool = ThreadPool(threadCount: threads)
    let input = Rounded(rows: rows, columns: depth, &numbers)
    let weight = Rounded(rows: columns, columns: depth, &numbers)
    let bias = TestMatrix(rows: 1, columns: columns, &numbers)
    let output = TestMatrix(rows: rows, columns: columns, &numbers)
    multiply(input.matrix, transposed: weight.matrix, adding: bias.matrix, into: output.matrix, on: pool)
    var expected = naiveProduct(input.values, weight.values, rows: rows, columns: columns, depth: depth)
    for i in expected.indices { expected[i] += Double(bias.values[i % columns]) }
    #expect(worstError(output.values, expected) < Double(depth + 1) * 1e-7)

    let upstream = Rounded(rows: rows, columns: columns, &numbers)
    let inputGradient = TestMatrix(rows: rows, columns: depth, &numbers)
    let weightTransposed = transposed(weight.values, rows: columns, columns: depth)
    let back = naiveProduct(upstream.values, weightTransposed, rows: rows, columns: depth, depth: columns)
    let sums = zip(inputGradient.values, back).map { Double($0) + $1 }
    multiply(upstream.matrix, weight.matrix, into: inputGradient.matrix, accumulating: true, on: pool)
    #expect(worstError(inputGradient.values, sums) < Double(columns + 1) * 1e-7)
    multiply(upstream.matrix, weight.matrix, into: inputGradient.matrix, on: pool)
    #expect(worstError(inputGradient.values, back) < Double(columns + 1) * 1e-7)

    let gradient = TestMatrix(rows: columns, columns: depth, &numbers)
    var products = naiveProduct(
      transposed(upstream.values, rows: rows, columns: columns), transposed(input.values, rows: rows, columns: depth),
      rows: columns, columns: depth, depth: rows)
    for (i, value) in gradient.values.enumerated() { products[i] += Double(value) }
    accumulateProduct(transposed: upstream.matrix, input.matrix, into: gradient.matrix, on: pool)
    #expect(worstError(gradient.values, products) < Double(rows + 1) * 1e-7)
  }

  /// The law of cuts rests on this; the gradient for the input keeps it too, since it is rounded again below.
  @Test(arguments: [(384, 384), (384, 1536), (48, 48), (96, 48), (32, 48), (1024, 256), (40, 72), (64, 4096)])
  func bitsDoNotDependOnTheOtherRows(columns: Int, depth: Int) {
    var numbers = TestNumbers(seed: 3)
    let rows = 310
    let pool = ThreadPool(threadCount: 2)
    let input = Rounded(rows: rows, columns: depth, &numbers)
    let weight = Rounded(rows: columns, columns: depth, &numbers)
    let upstream = Rounded(rows: rows, columns: columns, &numbers)
    let start = TestMatrix(rows: rows, columns: depth, &numbers)
    func products(_ part: Range<Int>) -> [[Float]] {
      let output = TestMatrix(zeros: part.count, columns)
      let gradient = TestMatrix(start.matrix.rows(part).values, rows: part.count, columns: depth)
      multiply(input.matrix.rows(part), transposed: weight.matrix, into: output.matrix, on: pool)
      multiply(upstream.matrix.rows(part), weight.matrix, into: gradient.matrix, accumulating: true, on: pool)
      return [output.values, gradient.values]
    }
    let whole = products(0..<rows)
    for part in [0..<1, 3..<4, 5..<12, 17..<82, 1..<130, 209..<310, 250..<265] {
      let expected = zip(whole, [columns, depth]).map { Array($0[part.lowerBound * $1..<part.upperBound * $1]) }
      #expect(products(part) == expected, "rows \(part) of [\(rows) × \(columns)], depth \(depth)")
    }
  }
}
