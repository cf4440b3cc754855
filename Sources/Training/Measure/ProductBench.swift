package import Communication
import LateInteraction
import Tensors

/// A linear layer of the encoder: `[rows × inputs]` to `[rows × outputs]`.
package struct ProductShape: Codable, Equatable, Sendable {
  package let name: String
  package let rows: Int
  package let inputs: Int
  package let outputs: Int
  /// How many such products a layer has; the head's count for none.
  package let perLayer: Int

  package var operations: Double { 2 * Double(rows) * Double(inputs) * Double(outputs) }

  /// Those of an encoder's layer and of its head.
  package static func all(width: Int, intermediate: Int, dimension: Int, rows: Int) -> [ProductShape] {
    [
      ProductShape(name: "attention projection", rows: rows, inputs: width, outputs: width, perLayer: 4),
      ProductShape(name: "feed-forward up", rows: rows, inputs: width, outputs: intermediate, perLayer: 1),
      ProductShape(name: "feed-forward down", rows: rows, inputs: intermediate, outputs: width, perLayer: 1),
      ProductShape(name: "ColBERT head", rows: rows, inputs: width, outputs: dimension, perLayer: 0),
    ]
  }
}

extension ProductShape {
  /// Those of the encoder in a model's folder.
  package static func all(model: String, dimension: Int, rows: Int) throws -> [ProductShape] {
    let folder = try ModelFolder(model)
    return all(
      width: folder.encoder.width, intermediate: folder.encoder.intermediateWidth,
      dimension: folder.head?.shape.dimension ?? dimension, rows: rows)
  }
}

/// Which of a linear layer's three products.
package enum ProductKind: String, CaseIterable, Codable, Sendable {
  case forward
  case inputGradient = "input gradient"
  case weightGradient = "weight gradient"
}

/// How fast one product is, in floating-point operations a second.
package struct ProductRate: Codable, Sendable {
  package let shape: ProductShape
  package let kind: ProductKind
  /// With one thread a rank.
  package let oneThread: Double
  /// With all threads of a rank.
  package let allThreads: Double
  /// The same in bfloat16, with the rounding of both factors; nil where that cannot be.
  package let bfloat16OneThread: Double?
  package let bfloat16AllThreads: Double?
}

/// What `bench gemm` has measured.
package struct ProductBench: Codable, Sendable {
  package let ranks: Int
  package let threadsPerRank: Int
  /// Of the slowest rank, while all are at it.
  package let products: [ProductRate]
  /// Why there are no rates in bfloat16; nil: there are.
  package let bfloat16Obstacle: String?

  /// Measures every product with one thread and with all, on all ranks at once. Collective: every rank calls it.
  ///
  /// - Parameter seconds: about how long each measurement takes.
  package init(_ shapes: [ProductShape], seconds: Double, communicator: any Communicator) throws {
    let pool = ThreadPool.forRank()
    let single = ThreadPool(threadCount: 1)
    ranks = communicator.rankCount
    threadsPerRank = pool.threadCount
    let obstacle = try communicator.obstacleToBFloat16()
    bfloat16Obstacle = obstacle
    products = try shapes.flatMap { shape in
      try ProductKind.allCases.map { kind in
        func rate(_ precision: ProductPrecision, on pool: ThreadPool) throws -> Double {
          try communicator.barrier()
          return try communicator.least(productRate(shape, kind, precision, on: pool, seconds))
        }
        return ProductRate(
          shape: shape, kind: kind, oneThread: try rate(.float32, on: single), allThreads: try rate(.float32, on: pool),
          bfloat16OneThread: obstacle == nil ? try rate(.bfloat16, on: single) : nil,
          bfloat16AllThreads: obstacle == nil ? try rate(.bfloat16, on: pool) : nil)
      }
    }
  }

  /// The rate of a training step's mix: an encoder layer's products, forward and both gradients; nil if some were not measured.
  package func mixed(_ rate: (ProductRate) -> Double?) -> Double? {
    let rates = products.compactMap { product in rate(product).map { (product.shape, $0) } }
    return rates.count == products.count ? mixedRate(rates) : nil
  }
}

/// Operations over the time they take, of an encoder layer's products.
private func mixedRate(_ rates: [(shape: ProductShape, rate: Double)]) -> Double {
  let layer = rates.filter { $0.shape.perLayer > 0 }
  let operations = layer.reduce(0) { $0 + Double($1.shape.perLayer) * $1.shape.operations }
  return operations / layer.reduce(0) { $0 + Double($1.shape.perLayer) * $1.shape.operations / $1.rate }
}

/// The rate of an encoder layer's products, forward and both gradients, on this rank.
func layerProductRate(
  _ encoder: EncoderConfiguration, rows: Int, _ precision: ProductPrecision, on pool: ThreadPool, within seconds: Double
) -> Double {
  let shapes = ProductShape.all(
    width: encoder.width, intermediate: encoder.intermediateWidth, dimension: 1, rows: rows
  ).filter { $0.perLayer > 0 }
  let each = seconds / Double(shapes.count * ProductKind.allCases.count)
  return mixedRate(
    shapes.flatMap { shape in ProductKind.allCases.map { (shape, productRate(shape, $0, precision, on: pool, each)) } })
}

/// Floating-point operations a second of one product; in bfloat16 both factors are rounded each time, as a step does.
private func productRate(
  _ shape: ProductShape, _ kind: ProductKind, _ precision: ProductPrecision, on pool: ThreadPool, _ seconds: Double
) -> Double {
  let arena = Arena()
  let input = arena.filled(rows: shape.rows, columns: shape.inputs)
  let output = arena.filled(rows: shape.rows, columns: shape.outputs)
  let weight = arena.filled(rows: shape.outputs, columns: shape.inputs)
  let room = [input, output, weight].map {
    arena.bfloat16Matrix(rows: $0.rows, columns: precision == .bfloat16 ? $0.columns : 0)
  }
  func rounded(_ matrix: Matrix, _ place: Int) -> BFloat16Matrix {
    roundToBFloat16(matrix, into: room[place], on: pool)
    return room[place]
  }
  return withExtendedLifetime(arena) {
    shape.operations
      / shortestTime(within: seconds) {
        switch (kind, precision) {
        case (.forward, .float32): multiply(input, transposed: weight, into: output, on: pool)
        case (.inputGradient, .float32): multiply(output, weight, into: input, on: pool)
        case (.weightGradient, .float32): accumulateProduct(transposed: output, input, into: weight, on: pool)
        case (.forward, .bfloat16):
          multiply(rounded(input, 0), transposed: rounded(weight, 2), into: output, on: pool)
        case (.inputGradient, .bfloat16): multiply(rounded(output, 1), rounded(weight, 2), into: input, on: pool)
        case (.weightGradient, .bfloat16):
          accumulateProduct(transposed: rounded(output, 1), rounded(input, 0), into: weight, on: pool)
        }
      }
  }
}

extension Communicator {
  /// The least of what all ranks bring. Collective: every rank calls it.
  func least(_ value: Double) throws -> Double {
    try allGather([Int(bitPattern: UInt(value.bitPattern))]).map { Double(bitPattern: UInt64(UInt(bitPattern: $0[0]))) }
      .min()!
  }
}
