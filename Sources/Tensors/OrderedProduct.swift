/// Sums of six rows by sixteen columns fill twelve of AVX2's sixteen registers; a panel of weights (32 KB) stays near.
private let tileRows = 6
private let tileColumns = 16
private let panelDepth = 512

/// `output = input · weightᵀ + bias` on the calling thread: every element is its bias, then the products in the order of
/// depth, each added by one fused multiply-add.
///
/// So its bits are a function of its row and its column, whatever else the call holds. OpenBLAS does not promise that: its AVX2
/// kernels sum even and odd depths apart at the edges of a block.
func orderedProduct(_ input: Matrix, _ weight: Matrix, _ bias: Matrix?, into output: Matrix) {
  for row in 0..<output.rows {
    let start = output.base + row * output.columns
    if let bias {
      start.update(from: bias.base, count: bias.count)
    } else {
      start.update(repeating: 0, count: output.columns)
    }
  }
  withUnsafeTemporaryAllocation(of: Float.self, capacity: tileColumns * panelDepth) { scratch in
    let panel = scratch.baseAddress!
    for first in stride(from: 0, to: input.columns, by: panelDepth) {
      let depth = first..<min(first + panelDepth, input.columns)
      for column in stride(from: 0, to: weight.rows, by: tileColumns) {
        let columns = column..<min(column + tileColumns, weight.rows)
        pack(weight, columns, depth, into: panel)
        for row in stride(from: 0, to: input.rows, by: tileRows) {
          addTile(input, row..<min(row + tileRows, input.rows), depth, panel, to: output, columns)
        }
      }
    }
  }
}

/// Turns rows `columns` of the weight to `[depth × 16]`; what is beyond them is zero.
private func pack(_ weight: Matrix, _ columns: Range<Int>, _ depth: Range<Int>, into panel: UnsafeMutablePointer<Float>)
{
  if columns.count < tileColumns { panel.update(repeating: 0, count: tileColumns * depth.count) }
  for (place, column) in columns.enumerated() {
    let source = weight.base + column * weight.columns + depth.lowerBound
    for d in 0..<depth.count { panel[d * tileColumns + place] = source[d] }
  }
}

/// `output[rows, columns] += input[rows, depth] · panel`. Rows that a tile lacks are computed as its last, and let go.
private func addTile(
  _ input: Matrix, _ rows: Range<Int>, _ depth: Range<Int>, _ panel: UnsafePointer<Float>, to output: Matrix,
  _ columns: Range<Int>
) {
  withUnsafeTemporaryAllocation(of: SIMD16<Float>.self, capacity: tileRows) { sums in
    for i in 0..<tileRows {
      let source = output.base + (rows.lowerBound + min(i, rows.count - 1)) * output.columns + columns.lowerBound
      for c in 0..<columns.count { sums[i][c] = source[c] }
    }
    let source = input.base + rows.lowerBound * input.columns + depth.lowerBound
    addProducts(
      source, stride: input.columns, lastRow: rows.count - 1, panel, depth: depth.count, to: sums.baseAddress!)
    for i in 0..<rows.count {
      let target = output.base + (rows.lowerBound + i) * output.columns + columns.lowerBound
      for c in 0..<columns.count { target[c] = sums[i][c] }
    }
  }
}

private func addProducts(
  _ source: UnsafePointer<Float>, stride: Int, lastRow: Int, _ panel: UnsafePointer<Float>, depth: Int,
  to sums: UnsafeMutablePointer<SIMD16<Float>>
) {
  let row1 = source + min(1, lastRow) * stride
  let row2 = source + min(2, lastRow) * stride
  let row3 = source + min(3, lastRow) * stride
  let row4 = source + min(4, lastRow) * stride
  let row5 = source + min(5, lastRow) * stride
  var (sum0, sum1, sum2, sum3, sum4, sum5) = (sums[0], sums[1], sums[2], sums[3], sums[4], sums[5])
  for d in 0..<depth {
    let weights = UnsafeRawPointer(panel + d * tileColumns).loadUnaligned(as: SIMD16<Float>.self)
    sum0.addProduct(SIMD16(repeating: source[d]), weights)
    sum1.addProduct(SIMD16(repeating: row1[d]), weights)
    sum2.addProduct(SIMD16(repeating: row2[d]), weights)
    sum3.addProduct(SIMD16(repeating: row3[d]), weights)
    sum4.addProduct(SIMD16(repeating: row4[d]), weights)
    sum5.addProduct(SIMD16(repeating: row5[d]), weights)
  }
  (sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]) = (sum0, sum1, sum2, sum3, sum4, sum5)
}
