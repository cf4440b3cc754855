/// Some rows and columns of a row-major matrix whose rows are `stride` floats apart: one head of some tokens.
struct Block: BitwiseCopyable {
  let base: UnsafeMutablePointer<Float>
  let rows: Int
  let columns: Int
  let stride: Int

  func row(_ row: Int) -> UnsafeMutablePointer<Float> { base + row * stride }
}

/// Which factor of a product is read column by column.
enum TransposedFactor { case none, left, right }

/// `output = scale · left · right`, or `+=`, one of the factors transposed: every product inside attention, on one thread.
///
/// Its bits are a function of the shapes and the factors: callers cut by nothing but a text's own length.
func smallProduct(
  _ left: Block, _ right: Block, transposing: TransposedFactor = .none, scale: Float = 1, adding: Bool = false,
  into output: Block
) {
  floatProduct(
    Factor(base: left.base, stride: left.stride, isTransposed: transposing == .left),
    Factor(base: right.base, stride: right.stride, isTransposed: transposing == .right),
    rows: output.rows, columns: output.columns, depth: transposing == .left ? left.rows : left.columns, scale: scale,
    kept: adding ? 1 : 0, into: output.base, stride: output.stride)
}
