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
}

/// What `bench gemm` has measured.
package struct ProductBench: Codable, Sendable {
  package let ranks: Int
  package let threadsPerRank: Int
  /// Of the slowest rank, while all are at it.
  package let products: [ProductRate]

  /// Measures every product with one thread and with all, on all ranks at once. Collective: every rank calls it.
  ///
  /// - Parameter seconds: about how long each measurement takes.
  package init(_ shapes: [ProductShape], seconds: Double, communicator: any Communicator) throws {
    let pool = ThreadPool.forRank()
    let single = ThreadPool(threadCount: 1)
    ranks = communicator.rankCount
    threadsPerRank = pool.threadCount
    products = try shapes.flatMap { shape in
      try ProductKind.allCases.map { kind in
        ProductRate(
          shape: shape, kind: kind,
          oneThread: try Self.slowest(shape, kind, on: single, seconds, communicator),
          allThreads: try Self.slowest(shape, kind, on: pool, seconds, communicator))
      }
    }
  }

  private static func slowest(
    _ shape: ProductShape, _ kind: ProductKind, on pool: ThreadPool, _ seconds: Double, _ communicator: any Communicator
  ) throws -> Double {
    try communicator.barrier()
    return try communicator.least(productRate(shape, kind, on: pool, seconds))
  }

  /// The rate of a training step's mix: an encoder layer's products, forward and both gradients, all threads.
  package var mixed: Double { mixedRate(products.map { ($0.shape, $0.allThreads) }) }
  package var mixedOneThread: Double { mixedRate(products.map { ($0.shape, $0.oneThread) }) }
}

/// Operations over the time they take, of an encoder layer's products.
private func mixedRate(_ rates: [(shape: ProductShape, rate: Double)]) -> Double {
  let layer = rates.filter { $0.shape.perLayer > 0 }
  let operations = layer.reduce(0) { $0 + Double($1.shape.perLayer) * $1.shape.operations }
  return operations / layer.reduce(0) { $0 + Double($1.shape.perLayer) * $1.shape.operations / $1.rate }
}

/// The rate of an encoder layer's products, forward and both gradients, on this rank.
func layerProductRate(_ encoder: EncoderConfiguration, rows: Int, on pool: ThreadPool, within seconds: Double) -> Double
{
  let shapes = ProductShape.all(
    width: encoder.width, intermediate: encoder.intermediateWidth, dimension: 1, rows: rows
  ).filter { $0.perLayer > 0 }
  let each = seconds / Double(shapes.count * ProductKind.allCases.count)
  return mixedRate(
    shapes.flatMap { shape in ProductKind.allCases.map { (shape, productRate(shape, $0, on: pool, each)) } })
}

/// Floating-point operations a second of one product.
private func productRate(_ shape: ProductShape, _ kind: ProductKind, on pool: ThreadPool, _ seconds: Double) -> Double {
  let arena = Arena()
  let input = arena.filled(rows: shape.rows, columns: shape.inputs)
  let output = arena.filled(rows: shape.rows, columns: shape.outputs)
  let weight = arena.filled(rows: shape.outputs, columns: shape.inputs)
  return withExtendedLifetime(arena) {
    shape.operations
      / shortestTime(within: seconds) {
        switch kind {
        case .forward: multiply(input, transposed: weight, into: output, on: pool)
        case .inputGradient: multiply(output, weight, into: input, on: pool)
        case .weightGradient: accumulateProduct(transposed: output, input, into: weight, on: pool)
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
