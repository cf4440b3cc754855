/// `output[i, columns[j]] = input[i, j]`; other columns stay as they are.
package func scatterColumns(_ input: Matrix, _ columns: [Int], into output: Matrix) {
  checkColumns(columns, few: input, many: output)
  for row in 0..<input.rows {
    let (x, y) = (input.base + row * input.columns, output.base + row * output.columns)
    for (j, column) in columns.enumerated() { y[column] = x[j] }
  }
}

/// `output[i, j] = input[i, columns[j]]`: the adjoint of `scatterColumns`.
package func gatherColumns(_ input: Matrix, _ columns: [Int], into output: Matrix) {
  checkColumns(columns, few: output, many: input)
  for row in 0..<input.rows {
    let (x, y) = (input.base + row * input.columns, output.base + row * output.columns)
    for (j, column) in columns.enumerated() { y[j] = x[column] }
  }
}

private func checkColumns(_ columns: [Int], few: Matrix, many: Matrix) {
  precondition(
    few.rows == many.rows && few.columns == columns.count && columns.allSatisfy { $0 >= 0 && $0 < many.columns },
    "columns \(columns) of [\(many.rows) × \(many.columns)] beside [\(few.rows) × \(few.columns)]")
}
